import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import {
  CreateCredentialRequestSchema,
  CreateCredentialResponseSchema,
  type CreateCredentialResponse,
} from '../../gen/coffer/v1/credential_service_pb.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../vault/json.ts';

/** One request of the demo. */
export interface DemoRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: JsonObject;
  /** Authenticates the request in place of the admin key. */
  readonly token?: string;
  /** Members of the response that are not shown. */
  readonly hide?: readonly string[];
}

/** Sends requests, and shows each as an equivalent curl command with its response. */
export class DemoClient {
  readonly #origin: string;
  readonly #adminKey: string;
  readonly #print: (line: string) => void;

  constructor(origin: string, adminKey: string, print: (line: string) => void) {
    this.#origin = origin;
    this.#adminKey = adminKey;
    this.#print = print;
  }

  /**
   * Sends and shows one request.
   *
   * @throws Error where the response is not a success
   */
  async call(title: string, request: DemoRequest): Promise<JsonObject> {
    this.#print(`\n# ${title}\n${this.#asCurl(request)}`);
    const response = await this.#send(request);
    const answer: JsonValue = JSON.parse(await response.text());
    if (!response.ok || !isJsonObject(answer)) throw new Error(`${request.path} was answered ${response.status}`);
    this.#print(`  ${response.status} ${shorten(answer, request.hide ?? [])}`);
    return answer;
  }

  /** The short id of the caller's default workspace. */
  async workspace(): Promise<string> {
    const response = await this.#send({ method: 'GET', path: '/v1/whoami' });
    const answer: JsonValue = JSON.parse(await response.text());
    return textMember(isJsonObject(answer) ? answer : {}, 'default_workspace_short_id');
  }

  async #send({ method, path, body, token = this.#adminKey }: DemoRequest): Promise<Response> {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    return fetch(this.#origin + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  }

  #asCurl({ method, path, body, token }: DemoRequest): string {
    const key = token === undefined ? '$KEY' : '$SESSION';
    const data = body ? ` \\\n    -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'` : '';
    return `  curl -X ${method} ${this.#origin}${path} -H "Authorization: Bearer ${key}"${data}`;
  }
}

/** A member that must be a string. */
export function textMember(answer: JsonObject, name: string): string {
  const value = answer[name];
  if (typeof value !== 'string') throw new Error(`the answer has no ${name}`);
  return value;
}

/** Long texts, such as ciphertext, are cut. */
function shorten(answer: JsonObject, hidden: readonly string[]): string {
  const shown = (name: string, value: unknown): unknown => {
    if (hidden.includes(name)) return '…';
    return typeof value === 'string' && value.length > 48 ? `${value.slice(0, 45)}…` : value;
  };
  return JSON.stringify(answer, shown, 2).replaceAll('\n', '\n  ');
}

/** Creates a credential with gRPC's client library, as an internal service would. Returns its id. */
export async function createOverGrpc(origin: string, adminKey: string): Promise<string> {
  const client = new Client(new URL(origin).host, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${adminKey}`);
  const request = create(CreateCredentialRequestSchema, {
    workspaceId: 'default',
    credential: { name: 'Demo GitHub', provider: 'github' },
    secret: { token: 'demo-grpc' },
  });
  try {
    const response = await new Promise<CreateCredentialResponse>((resolve, reject) => {
      client.makeUnaryRequest(
        '/coffer.v1.CredentialService/CreateCredential',
        (message: typeof request) => Buffer.from(toBinary(CreateCredentialRequestSchema, message)),
        (bytes) => fromBinary(CreateCredentialResponseSchema, bytes),
        request,
        metadata,
        (error, answer) => (answer ? resolve(answer) : reject(error ?? new Error('no answer'))),
      );
    });
    return response.credential?.id ?? '';
  } finally {
    client.close();
  }
}
