import type { FastifyInstance } from 'fastify';
import type { Readiness } from './readiness.ts';

/**
 * Serves `/healthz`, which answers 200 as long as the process does, and `/readyz`, which answers 503 and why while no call
 * could be answered.
 */
export function registerProbes(fastify: FastifyInstance, readiness: Readiness): void {
  // Load balancers ask by HEAD, too.
  const method = ['GET', 'HEAD'];
  fastify.route({ method, url: '/healthz', handler: async () => ({ status: 'ok' }) });
  fastify.route({
    method,
    url: '/readyz',
    handler: async (_request, reply) => {
      const reason = readiness.trouble();
      if (reason === undefined) return { status: 'ready' };
      reply.code(503);
      return { status: 'unavailable', reason };
    },
  });
}
