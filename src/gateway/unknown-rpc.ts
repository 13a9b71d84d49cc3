import type { FastifyReply, FastifyRequest } from 'fastify';
import { Code } from '@connectrpc/connect';

const grpcType = /^application\/grpc(?:-web)?(?:\+|;|$)/;

/** Tells whether a request that no rpc answers was meant for one: it speaks gRPC, gRPC-Web, or says that it speaks Connect. */
export function isUnknownRpc({ method, raw }: FastifyRequest): boolean {
  const { headers } = raw;
  return method === 'POST' && (isGrpc(headers['content-type']) || headers['connect-protocol-version'] !== undefined);
}

/** Answers such a request with `unimplemented`, each protocol in its own way. */
export function refuseUnknownRpc({ raw }: FastifyRequest, reply: FastifyReply): void {
  const contentType = raw.headers['content-type'];
  const message = 'no such rpc';
  if (!isGrpc(contentType)) {
    reply.code(404).type('application/json').send({ code: 'unimplemented', message });
    return;
  }
  // An answer without a message carries its status in the headers. @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
  reply
    .code(200)
    .headers({ 'grpc-status': String(Code.Unimplemented), 'grpc-message': message })
    .type(contentType ?? 'application/grpc')
    .send('');
}

function isGrpc(contentType: string | undefined): contentType is string {
  return contentType !== undefined && grpcType.test(contentType);
}
