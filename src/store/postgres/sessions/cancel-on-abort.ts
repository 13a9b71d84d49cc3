import type { PoolClient } from 'pg';
import type { CancelRequest, StatementCanceller } from './statement-canceller.ts';

/** Holds a connection's statements to a signal. */
export interface Cancellation {
  /** From here on the signal is ignored; resolves once a cancellation that is under way has reached the server. */
  settle(): Promise<void>;
}

/** Most statements end by themselves within this time after their caller broke off. */
const graceMs = 100;

/**
 * Cancels what a lent connection runs some time after the signal was aborted, unless it has ended by then, so that the server
 * does not go on working for a caller who is gone. The session itself lives on.
 */
export function cancelOnAbort(
  canceller: StatementCanceller,
  client: PoolClient,
  signal: AbortSignal | undefined,
): Cancellation {
  let request: CancelRequest | undefined;
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => {
      request = canceller.cancel(processIdOf(client));
    }, graceMs);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    settle: async () => {
      signal?.removeEventListener('abort', onAbort);
      clearTimeout(timer);
      await request?.settle();
    },
  };
}

/** The types of pg leave out the process id that the server sends with each session. */
function processIdOf(client: PoolClient): number {
  const processId: unknown = Reflect.get(client, 'processID');
  if (typeof processId !== 'number') throw new Error('the session has no process id');
  return processId;
}
