import type { PoolClient } from 'pg';
import type { DedicatedSession } from './dedicated-session.ts';

/** A request to cancel what a session of the server runs. */
export interface CancelRequest {
  /** Takes the request back; where it is on its way already, resolves once it has reached the server or failed. */
  settle(): Promise<void>;
}

interface Waiting {
  readonly processId: number;
  /** Set once it has been sent. */
  arrival?: Promise<void>;
}

const arriveWithinMs = 2_000;

/**
 * Cancels statements over one session, however many callers break off: those that are asked for while a request is on its
 * way share the next one. Where it fails, the statement timeout ends the statement.
 */
export class StatementCanceller {
  readonly #session: Pick<DedicatedSession, 'run'>;
  #waiting = new Set<Waiting>();
  #isUnderWay = false;

  /** @param session of the same user as the sessions whose statements it cancels */
  constructor(session: Pick<DedicatedSession, 'run'>) {
    this.#session = session;
  }

  cancel(processId: number): CancelRequest {
    const request: Waiting = { processId };
    this.#waiting.add(request);
    if (!this.#isUnderWay) void this.#work();
    return {
      settle: async () => {
        this.#waiting.delete(request);
        await request.arrival;
      },
    };
  }

  async #work(): Promise<void> {
    this.#isUnderWay = true;
    while (this.#waiting.size > 0) {
      const group = [...this.#waiting];
      this.#waiting = new Set();
      const arrival = this.#send(group.map(({ processId }) => processId));
      for (const request of group) request.arrival = arrival;
      await arrival;
    }
    this.#isUnderWay = false;
  }

  async #send(processIds: readonly number[]): Promise<void> {
    const statement = { text: 'select pg_cancel_backend(id) from unnest($1::int[]) as s (id)', values: [processIds] };
    await this.#session.run(statement, arriveWithinMs).catch(() => undefined);
  }
}

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
