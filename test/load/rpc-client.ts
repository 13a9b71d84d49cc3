import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { Credential } from '../../gen/coffer/v1/credential_pb.ts';
import { CredentialService } from '../../gen/coffer/v1/credential_service_pb.ts';
import { SecretService } from '../../gen/coffer/v1/secret_service_pb.ts';
import { textOf } from '../support/json.ts';
import { Refusal, type Connect, type Described, type RefusalCode, type VaultClient } from './vault-client.ts';

/** How a protocol makes a call. Its failures carry the number of a gRPC status. */
interface Rpc {
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
  ): Promise<MessageShape<O>>;
  close(): void;
}

const refusals: ReadonlyMap<number, RefusalCode> = new Map([
  [Code.NotFound, 'not_found'],
  [Code.AlreadyExists, 'name_taken'],
  [Code.Aborted, 'etag_stale'],
  [Code.PermissionDenied, 'permission_denied'],
  [Code.Unavailable, 'unavailable'],
]);

/** Connect with JSON over HTTP/1.1. */
export const connectJson: Connect = (origin, token) =>
  nativeClient('Connect', overTransport(createConnectTransport({ baseUrl: origin, httpVersion: '1.1' }), token));

/** gRPC-Web over HTTP/1.1. */
export const grpcWeb: Connect = (origin, token) =>
  nativeClient('gRPC-Web', overTransport(createGrpcWebTransport({ baseUrl: origin, httpVersion: '1.1' }), token));

/** gRPC by its own client for Node. */
export const grpc: Connect = (origin, token) => nativeClient('gRPC', overGrpc(origin, token));

function nativeClient(protocol: string, rpc: Rpc): VaultClient {
  const call = async <I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
  ): Promise<MessageShape<O>> => {
    try {
      return await rpc.unary(method, message);
    } catch (error) {
      const code = refusals.get(statusOf(error));
      throw code === undefined ? error : new Refusal(protocol, code);
    }
  };
  const { createCredential, deleteCredential, getCredential, updateCredential } = CredentialService.method;
  const workspaceId = 'default';
  return {
    protocol,
    changesSecrets: false,
    create: async ({ name, value }) =>
      described(await call(createCredential, { workspaceId, credential: { name }, secret: { payload: value } })),
    describe: async (credentialId) => described(await call(getCredential, { workspaceId, credentialId })),
    change: async (credentialId, { text, etag = '' }) => {
      const updateMask = { paths: ['description'] };
      const credential = { description: text };
      return described(await call(updateCredential, { workspaceId, credentialId, credential, updateMask, etag }));
    },
    reveal: async (credentialId) => {
      const { secret } = await call(SecretService.method.revealSecret, { workspaceId, credentialId });
      return textOf(secret, 'payload');
    },
    remove: async (credentialId, etag = '') => {
      await call(deleteCredential, { workspaceId, credentialId, etag });
    },
    close: () => rpc.close(),
  };
}

function overTransport(transport: Transport, token: string): Rpc {
  const headers = { authorization: `Bearer ${token}` };
  return {
    unary: async (method, message) => {
      const answer = await transport.unary(method, undefined, undefined, headers, message);
      return answer.message;
    },
    close: () => undefined,
  };
}

function overGrpc(origin: string, token: string): Rpc {
  // Without this, all clients of one address share one connection.
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new Client(new URL(origin).host, credentials.createInsecure(), options);
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return {
    unary: (method, message) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          `/${method.parent.typeName}/${method.name}`,
          (request: MessageShape<typeof method.input>) => Buffer.from(toBinary(method.input, request)),
          (bytes) => fromBinary(method.output, bytes),
          create(method.input, message),
          metadata,
          (error, answer) => (answer ? resolve(answer) : reject(error)),
        );
      }),
    close: () => client.close(),
  };
}

/** Of an error of either library; their numbers are the same. */
function statusOf(error: unknown): number {
  if (error instanceof ConnectError) return error.code;
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'number' ? code : Code.Unknown;
}

function described({ credential }: { readonly credential?: Credential | undefined }): Described {
  if (!credential) throw new Error('the answer has no credential');
  const { id, description = '', etag } = credential;
  return { id, description, etag };
}
