// F3: the same work behind gRPC's own server for Node, with Coffer's own messages.
import { create, fromBinary, toBinary, type DescMessage, type JsonObject, type MessageShape } from '@bufbuild/protobuf';
import { Server, ServerCredentials, status, type handleUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import {
  CreateCredentialRequestSchema,
  CreateCredentialResponseSchema,
} from '../../../gen/coffer/v1/credential_service_pb.ts';
import { RevealSecretRequestSchema, RevealSecretResponseSchema } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { createPath, revealPath } from '../grpc-client.ts';
import { serveFloor } from './serve-floor.ts';

await serveFloor(async (vault) => {
  const server = new Server();
  const createMethod = method(createPath, CreateCredentialRequestSchema, CreateCredentialResponseSchema);
  const revealMethod = method(revealPath, RevealSecretRequestSchema, RevealSecretResponseSchema);
  server.addService(
    { create: createMethod, reveal: revealMethod },
    {
      create: unary(CreateCredentialRequestSchema, async ({ credential, secret }) => {
        const id = await vault.create(credential?.name ?? '', JSON.stringify(secret));
        return create(CreateCredentialResponseSchema, { credential: { id } });
      }),
      reveal: unary(RevealSecretRequestSchema, async ({ credentialId }) => {
        const secret: JsonObject = JSON.parse(await vault.read(credentialId));
        return create(RevealSecretResponseSchema, { secret, version: 1 });
      }),
    },
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error) reject(error);
    else resolve(port);
  });
  return promise;
});

function method<I extends DescMessage, O extends DescMessage>(path: string, input: I, output: O) {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
    responseSerialize: (message: MessageShape<O>) => Buffer.from(toBinary(output, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(output, bytes),
  } as const;
}

function unary<I extends DescMessage, O>(
  _input: I,
  answer: (request: MessageShape<I>) => Promise<O>,
): handleUnaryCall<MessageShape<I>, O> {
  return (call, callback) => void settle(answer(call.request), callback);
}

async function settle<O>(answer: Promise<O>, callback: sendUnaryData<O>): Promise<void> {
  let response: O;
  try {
    response = await answer;
  } catch {
    return callback({ code: status.INTERNAL });
  }
  callback(null, response);
}
