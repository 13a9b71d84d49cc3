import { cors as connectCors } from '@connectrpc/connect';
import fastifyCors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';

/** Pages of the configured origins may call by every protocol; they hold their tokens themselves, so that no cookie is needed. */
export async function registerCors(fastify: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  await fastify.register(fastifyCors, {
    origin: origins.includes('*') ? '*' : [...origins],
    credentials: false,
    methods: [...new Set([...connectCors.allowedMethods, 'PUT', 'PATCH', 'DELETE'])],
    // Without a list of allowed headers those that are asked for are allowed: the dialects' clients send many of their own.
    exposedHeaders: [...connectCors.exposedHeaders, 'etag', 'retry-after', 'www-authenticate', 'x-request-id'],
    maxAge: 7_200,
  });
}

/** Whether a browser asks, before it lets a page call, what the page may send. @see https://fetch.spec.whatwg.org/#cors-preflight-request */
export function isPreflight({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
