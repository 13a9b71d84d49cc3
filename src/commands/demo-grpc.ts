import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import {
  CreateCredentialRequestSchema,
  CreateCredentialResponseSchema,
  type CreateCredentialResponse,
} from '../../gen/coffer/v1/credential_service_pb.ts';

/** Stores a credential with gRPC's own client, as an internal service would. */
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
