import { Code, ConnectError } from '@connectrpc/connect';
import type { ConnectRouter } from '@connectrpc/connect';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../../gen/health/v1/health_pb.ts';
import type { Readiness } from './readiness.ts';

/**
 * Serves `grpc.health.v1`: the server as a whole under the empty name, and each service under its own. All of them stand and
 * fall with the readiness.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function registerHealth(
  router: ConnectRouter,
  parts: { readonly services: readonly string[]; readonly readiness: Readiness; readonly stopping: AbortSignal },
): void {
  const names = new Set(['', Health.typeName, ...parts.services]);
  const current = (): Status => (parts.readiness.trouble() === undefined ? Status.SERVING : Status.NOT_SERVING);
  router.service(Health, {
    check({ service }) {
      if (!names.has(service)) throw new ConnectError('no such service', Code.NotFound);
      return { status: current() };
    },
    list: () => ({ statuses: Object.fromEntries([...names].map((name) => [name, { status: current() }])) }),
    async *watch({ service }, { signal }) {
      const isKnown = names.has(service);
      const ended = AbortSignal.any([signal, parts.stopping]);
      const changes = changesOf(parts.readiness, ended);
      while (await changes.next()) yield { status: isKnown ? current() : Status.SERVICE_UNKNOWN };
      // The last word before the server stops; whoever went away no longer hears it.
      if (isKnown && !signal.aborted) yield { status: Status.NOT_SERVING };
    },
  });
}

/** Changes of a readiness, of which those that come together count once. */
interface Changes {
  /** Resolves at once the first time, then after a change; false when the signal was aborted. */
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
