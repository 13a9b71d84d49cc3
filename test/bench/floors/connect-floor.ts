// F2: the same work behind Connect on fastify, with Coffer's own messages, and without any rule or interceptor.
import type { JsonObject } from '@bufbuild/protobuf';
import { fastifyConnectPlugin } from '@connectrpc/connect-fastify';
import { fastify } from 'fastify';
import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { SecretService } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { serveFloor } from './serve-floor.ts';

await serveFloor(async (vault) => {
  const server = fastify();
  await server.register(fastifyConnectPlugin, {
    routes: (router) => {
      router.service(CredentialService, {
        createCredential: async ({ credential, secret }) => ({
          credential: { id: await vault.create(credential?.name ?? '', JSON.stringify(secret)) },
        }),
      });
      router.service(SecretService, {
        revealSecret: async ({ credentialId }) => {
          const secret: JsonObject = JSON.parse(await vault.read(credentialId));
          return { secret, version: 1 };
        },
      });
    },
  });
  const origin = await server.listen({ host: '127.0.0.1', port: 0 });
  return Number(new URL(origin).port);
});
