import type { FastifyReply, FastifyRequest } from 'fastify';
import { Code } from '@connectrpc/connect';

const grpcType = /^application\/grpc(?:-web)?(?:\+|;|$)/;

/** Tells whether a request that no rpc answers was meant for one: it speaks gRPC, gRPC-Web, or says that it speaks Connect. */
export function isUnknownRpc({ method, raw }: FastifyRequest): boolean {
  const { headers } = raw;
  return method === 'POST' && (isGrpc(headers['content-type']) || headers['connect-protocol-version'] !== undefined);
}

/**
 * Answers such a request with `unimplemented`, each protocol in its own way.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Trailers-Only)
 */
export function refuseUnknownRpc({ raw }: FastifyRequest, reply: FastifyReply): void {
  const contentType = raw.headers['content-type'];
  const message = 'no such rpc';
  if (!isGrpc(contentType)) {
    reply.code(404).type('application/json').send({ code: 'unimplemented', message });
    return;
  }
  // An answer without a message is one block of headers, which the framework would follow with an empty body.
  reply.hijack();
  const headers = {
    ...reply.getHeaders(),
    'content-type': contentType,
    'grpc-status': Code.Unimplemented,
    'grpc-message': message,
  };
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) reply.raw.setHeader(name, value);
  reply.raw.end();
}

function isGrpc(contentType: string | undefined): contentType is string {
  return contentType !== undefined && grpcType.test(contentType);
}
