import type { PoolClient } from 'pg';
import { GroupQueue } from '../statements/group-queue.ts';
import type { DedicatedSession } from './dedicated-session.ts';

/** A request to cancel what a session of the server runs. */
export interface CancelRequest {
  /** Withdraws the request; if it was sent already, resolves once it has reached the server or failed. */
  settle(): Promise<void>;
}

interface Waiting {
  readonly processId: number;
  isWithdrawn: boolean;
  /** Set once the request has been sent. */
  arrival?: Promise<void>;
}

const arriveWithinMs = 2_000;

/**
 * Cancels statements over one session, whatever the number of canceled calls: requests that arrive while one is under way share
 * the next one. If a request fails, the statement timeout ends the statement.
 */
export class StatementCanceller {
  readonly #session: Pick<DedicatedSession, 'run'>;
  readonly #queue = new GroupQueue<Waiting>({
    groupMax: Number.POSITIVE_INFINITY,
    work: (group) => this.#send(group.filter(({ isWithdrawn }) => !isWithdrawn)),
  });

  /** @param session of the same database user as the sessions whose statements it cancels */
  constructor(session: Pick<DedicatedSession, 'run'>) {
    this.#session = session;
  }

  cancel(processId: number): CancelRequest {
    const request: Waiting = { processId, isWithdrawn: false };
    this.#queue.add(request);
    return {
      settle: async () => {
        request.isWithdrawn = true;
        await request.arrival;
      },
    };
  }

  async #send(requests: readonly Waiting[]): Promise<readonly Waiting[]> {
    if (requests.length === 0) return [];
    const processIds = requests.map(({ processId }) => processId);
    const statement = { text: 'select pg_cancel_backend(id) from unnest($1::int[]) as s (id)', values: [processIds] };
    const arrival = this.#session.run(statement, arriveWithinMs).then(
      () => undefined,
      () => undefined,
    );
    for (const request of requests) request.arrival = arrival;
    await arrival;
    return [];
  }
}

/** The cancellation of a connection's statements by a signal. */
export interface Cancellation {
  /** Ignores the signal from now on; resolves once a cancellation that is under way has reached the server. */
  settle(): Promise<void>;
}

/** Most statements end within this time after the call was canceled, without a request. */
const graceMs = 100;

/**
 * Cancels the statement of a connection shortly after the signal was aborted, unless it has ended by then, so that the server does
 * not continue to work for a canceled call. The session remains usable.
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

/** The process id of the session at the server, which the types of pg omit. */
function processIdOf(client: PoolClient): number {
  const processId: unknown = Reflect.get(client, 'processID');
  if (typeof processId !== 'number') throw new Error('the session has no process id');
  return processId;
}
