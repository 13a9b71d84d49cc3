import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { callTimeoutMs, type Caller } from './caller.ts';

/** Where a gRPC call goes, and what it sends for a number. */
export interface GrpcCalls {
  readonly path: string;
  readonly token?: string;
  readonly messageOf: (number: number) => Uint8Array;
}

/** `CredentialService.CreateCredential` of coffer.v1. */
export const createPath = '/coffer.v1.CredentialService/CreateCredential';

/** `SecretService.RevealSecret` of coffer.v1. */
export const revealPath = '/coffer.v1.SecretService/RevealSecret';

/** gRPC's own client on a connection of its own. Messages stay bytes: only the server's work is to be measured. */
export class GrpcCaller implements Caller {
  readonly #client: Client;
  readonly #metadata = new Metadata();
  readonly #calls: GrpcCalls;

  constructor(origin: string, calls: GrpcCalls) {
    this.#calls = calls;
    // Without this, all channels to one address share one connection.
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    this.#client = new Client(new URL(origin).host, credentials.createInsecure(), options);
    if (calls.token !== undefined) this.#metadata.set('authorization', `Bearer ${calls.token}`);
  }

  call(number: number): Promise<Buffer> {
    const { path, messageOf } = this.#calls;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#client.makeUnaryRequest<Uint8Array, Buffer>(
      path,
      (bytes) => Buffer.from(bytes),
      (bytes) => bytes,
      messageOf(number),
      this.#metadata,
      { deadline: Date.now() + callTimeoutMs },
      (error, answer) => {
        if (answer) resolve(answer);
        else reject(new Error(`${path}: gRPC status ${error?.code}`));
      },
    );
    return promise;
  }

  close(): void {
    this.#client.close();
  }
}
