import type { FastifyInstance } from 'fastify';

/** Whether calls can currently be answered. */
export interface Readiness {
  /** The reason for the operator, such as `the database does not serve: disk full`; undefined while calls can be answered. */
  notReadyReason(): string | undefined;
  /** Problems that an operator has to investigate although calls are answered. */
  warnings?(): readonly string[];
  /** Calls back on every change; returns the function that unsubscribes. */
  subscribe(changed: () => void): () => void;
}

/** A readiness that `stop` ends permanently. */
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

/** A condition under which no call can be answered, whatever else holds. */
export type Obstacle = Pick<Readiness, 'notReadyReason' | 'subscribe'>;

/** Makes a readiness depend on another condition as well, whose reason comes first. */
export function unless(obstacle: Obstacle, readiness: Readiness): Readiness {
  return {
    ...readiness,
    notReadyReason: () => obstacle.notReadyReason() ?? readiness.notReadyReason(),
    subscribe(changed) {
      const unsubscribe = [obstacle.subscribe(changed), readiness.subscribe(changed)];
      return () => unsubscribe.forEach((end) => end());
    },
  };
}

/** Makes a readiness depend on whether the server is stopping. */
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

/** The answer to a probe. */
export interface ProbeAnswer {
  readonly status: number;
  readonly body: { readonly status: string; readonly reason?: string; readonly warnings?: readonly string[] };
}

/** The answer of `/healthz`: 200 as long as the process runs. */
export function healthAnswer(): ProbeAnswer {
  return { status: 200, body: { status: 'ok' } };
}

/** The answer of `/readyz`: 503 with the reason while calls cannot be answered, else 200 with any warnings. */
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
  // Load balancers also probe by HEAD.
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
