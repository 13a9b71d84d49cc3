import { cors as connectCors } from '@connectrpc/connect';
import fastifyCors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';

const options = {
  methods: [...new Set([...connectCors.allowedMethods, 'HEAD', 'PUT', 'PATCH', 'DELETE'])],
  // Without a list of allowed headers those that are asked for are allowed: the dialects' clients send many of their own.
  exposedHeaders: [...connectCors.exposedHeaders, 'etag', 'retry-after', 'www-authenticate', 'x-request-id'],
  maxAge: 7_200,
};

/**
 * Pages of the configured origins may call by every protocol. Those that are listed may send credentials, as some pages always
 * do, although no cookie is looked at: pages hold their tokens themselves. Where any origin may call, none may send credentials.
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

/** Whether a browser asks, before it lets a page call, what the page may send. @see https://fetch.spec.whatwg.org/#cors-preflight-request */
export function isPreflight({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
