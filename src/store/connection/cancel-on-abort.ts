import { Client, type Pool, type PoolClient } from 'pg';

/** Holds a connection's statements to a signal. */
export interface Cancellation {
  /** From here on the signal is ignored; resolves once a cancellation that is under way has reached the server. */
  settle(): Promise<void>;
}

/**
 * Cancels what a lent connection runs when the signal is aborted, over a connection of its own, so that the server stops
 * working for nobody. The session itself lives on. Where cancelling fails, the statement timeout ends the statement.
 */
export function cancelOnAbort(pool: Pool, client: PoolClient, signal: AbortSignal | undefined): Cancellation {
  let underWay: Promise<void> | undefined;
  const onAbort = () => {
    underWay = cancel(pool, processIdOf(client)).catch(() => undefined);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    settle: async () => {
      signal?.removeEventListener('abort', onAbort);
      await underWay;
    },
  };
}

/** `pg_cancel_backend` is for members of the session's own role: this connection logs in as that one did, and becomes no other. */
async function cancel(pool: Pool, processId: number): Promise<void> {
  const { password } = pool.options;
  const control = new Client({ ...pool.options, password });
  control.on('error', () => undefined);
  try {
    await control.connect();
    await control.query('select pg_cancel_backend($1)', [processId]);
  } finally {
    await control.end();
  }
}

/** The types of pg leave out the process id that the server tells with each session. */
function processIdOf(client: PoolClient): number {
  const processId: unknown = Reflect.get(client, 'processID');
  if (typeof processId !== 'number') throw new Error('the session has no process id');
  return processId;
}
