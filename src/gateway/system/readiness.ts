import type { FastifyInstance } from 'fastify';

/** Whether calls can be answered at the moment. */
export interface Readiness {
  /** Why they can't, in a few words for the operator, such as `the database does not serve: disk full`; undefined while they can. */
  notReadyReason(): string | undefined;
  /** What an operator has to look into although calls are answered. */
  warnings?(): readonly string[];
  /** Tells of every change; the answer ends the telling. */
  subscribe(changed: () => void): () => void;
}

/** A readiness that can be ended for good, when the server stops. */
export interface StoppableReadiness extends Readiness {
  stop(): void;
}

/** Adds warnings to a readiness. */
export function withWarnings(readiness: Readiness, warnings: () => readonly string[]): Readiness {
  return {
    notReadyReason: () => readiness.notReadyReason(),
    subscribe: (changed) => readiness.subscribe(changed),
    warnings,
  };
}

/** Adds the server's own stopping to what it depends on. */
export function stoppable(readiness: Readiness): StoppableReadiness {
  const listeners = new Set<() => void>();
  let isStopping = false;
  return {
    notReadyReason: () => (isStopping ? 'the server is stopping' : readiness.notReadyReason()),
    warnings: () => readiness.warnings?.() ?? [],
    subscribe(changed) {
      listeners.add(changed);
      const unsubscribe = readiness.subscribe(changed);
      return () => {
        listeners.delete(changed);
        unsubscribe();
      };
    },
    stop() {
      isStopping = true;
      for (const listener of listeners) listener();
    },
  };
}

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
