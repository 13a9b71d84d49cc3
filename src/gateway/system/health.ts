import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../../gen/health/v1/health_pb.ts';
import { limitStreamTime } from './public-stream.ts';
import type { Readiness } from './readiness.ts';

/** What the health service needs. */
export interface HealthParts {
  readonly services: readonly string[];
  readonly readiness: Readiness;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  /** The longest duration of a watch, which then ends with UNAVAILABLE for its client to open it again. */
  readonly streamMs: number;
}

/**
 * Serves `grpc.health.v1`: the server under the empty name, and each service under its name. The status of all is the server's
 * readiness.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function registerHealth(router: ConnectRouter, parts: HealthParts): void {
  const names = new Set(['', Health.typeName, ...parts.services]);
  const current = (): Status => (parts.readiness.notReadyReason() === undefined ? Status.SERVING : Status.NOT_SERVING);
  router.service(Health, {
    check({ service }) {
      if (!names.has(service)) throw new ConnectError('no such service', Code.NotFound);
      return { status: current() };
    },
    list: () => ({ statuses: Object.fromEntries([...names].map((name) => [name, { status: current() }])) }),
    async *watch({ service }, { signal }) {
      const isKnown = names.has(service);
      using time = limitStreamTime(parts.streamMs);
      const ended = AbortSignal.any([signal, parts.stopping, time.signal]);
      const changes = changesOf(parts.readiness, ended);
      while (await changes.next()) yield { status: isKnown ? current() : Status.SERVICE_UNKNOWN };
      if (signal.aborted) return;
      if (!parts.stopping.aborted) time.signal.throwIfAborted();
      // The last status before the server stops.
      if (isKnown) yield { status: Status.NOT_SERVING };
    },
  });
}

/** The changes of a readiness; several changes before `next` count as one. */
interface Changes {
  /** Resolves immediately at first, then after a change; false once the signal is aborted. */
  next(): Promise<boolean>;
}

function changesOf(readiness: Readiness, signal: AbortSignal): Changes {
  let news = Promise.withResolvers<void>();
  const onChange = (): void => news.resolve();
  const unsubscribe = readiness.subscribe(onChange);
  signal.addEventListener('abort', onChange, { once: true });
  signal.addEventListener('abort', unsubscribe, { once: true });
  onChange();
  return {
    async next() {
      await news.promise;
      news = Promise.withResolvers<void>();
      return !signal.aborted;
    },
  };
}
