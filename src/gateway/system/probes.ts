import type { FastifyInstance } from 'fastify';
import type { Readiness } from './readiness.ts';

/** What a probe is answered. */
export interface ProbeAnswer {
  readonly status: number;
  readonly body: { readonly status: string; readonly reason?: string; readonly warnings?: readonly string[] };
}

/** Of `/healthz`: 200 as long as the process answers. */
export function healthAnswer(): ProbeAnswer {
  return { status: 200, body: { status: 'ok' } };
}

/** Of `/readyz`: 503 and why while no call could be answered; 200 also where an operator has to look into something. */
export function readinessAnswer(readiness: Readiness): ProbeAnswer {
  const reason = readiness.notReadyReason();
  const warnings = readiness.warnings?.() ?? [];
  if (reason === undefined) {
    return { status: 200, body: { status: 'ready', ...(warnings.length > 0 && { warnings }) } };
  }
  return { status: 503, body: { status: 'unavailable', reason } };
}

/** Serves `/healthz` and `/readyz`. */
export function registerProbes(fastify: FastifyInstance, readiness: Readiness): void {
  // Load balancers ask by HEAD, too.
  const method = ['GET', 'HEAD'];
  const probes = { '/healthz': healthAnswer, '/readyz': () => readinessAnswer(readiness) };
  for (const [url, answer] of Object.entries(probes)) {
    fastify.route({
      method,
      url,
      handler: async (_request, reply) => {
        const { body, status } = answer();
        reply.code(status);
        return body;
      },
    });
  }
}
