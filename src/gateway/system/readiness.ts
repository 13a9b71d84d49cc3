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
