import type { FastifyInstance } from 'fastify';
import type { Readiness } from './readiness.ts';

/**
 * Serves `/healthz`, which answers 200 as long as the process does, and `/readyz`, which answers 503 and why while no call
 * could be answered.
 */
export function registerProbes(fastify: FastifyInstance, readiness: Readiness): void {
  fastify.get('/healthz', async () => ({ status: 'ok' }));
  fastify.get('/readyz', async (_request, reply) => {
    const reason = readiness.trouble();
    if (reason === undefined) return { status: 'ready' };
    reply.code(503);
    return { status: 'unavailable', reason };
  });
}
