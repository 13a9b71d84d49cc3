import { cors as connectCors } from '@connectrpc/connect';
import fastifyCors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';

const options = {
  methods: [...new Set([...connectCors.allowedMethods, 'HEAD', 'PUT', 'PATCH', 'DELETE'])],
  // Without a list, all requested headers are allowed: the clients of the dialects send various headers.
  exposedHeaders: [
    ...connectCors.exposedHeaders,
    'etag',
    'idempotent-replayed',
    'retry-after',
    'www-authenticate',
    'x-request-id',
  ],
  maxAge: 7_200,
};

/**
 * Allows pages of the configured origins to call over every protocol. Listed origins may send credentials, as some pages
 * always do, although cookies are ignored; with `*`, no origin may send credentials.
 */
export async function registerCors(fastify: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  const isAny = origins.includes('*');
  const origin = isAny ? '*' : [...origins];
  await fastify.register(fastifyCors, {
    delegator: (request, done) =>
      done(null, { ...options, origin, credentials: !isAny && origins.includes(request.headers.origin ?? '') }),
  });
}

/** Whether a request is a CORS preflight. @see https://fetch.spec.whatwg.org/#cors-preflight-request */
export function isPreflight({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
