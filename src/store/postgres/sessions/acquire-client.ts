import type { Pool, PoolClient } from 'pg';
import { canceled, sqlStateOf } from '../connect/database-failure.ts';
import { connectWithinMs } from '../connect/time-limits.ts';
import type { StoreLog } from '../connect/store-log.ts';

/** A pool with its variable size. */
export interface SizedPool {
  readonly pool: Pool;
  readonly size: PoolSize;
}

/**
 * Acquires a connection from a pool, or fails when the signal is aborted; a connection that arrives later is returned at once. If
 * the server refuses another connection, it waits for one of those that are open.
 */
export async function acquireClient(source: SizedPool, signal: AbortSignal | undefined): Promise<PoolClient> {
  if (signal?.aborted) throw canceled(signal);
  const acquiring = connect(source);
  if (!signal) return acquiring;
  return new Promise((resolve, reject) => {
    let isWanted = true;
    const onAbort = () => {
      isWanted = false;
      reject(canceled(signal));
    };
    const receive = (client: PoolClient) => {
      signal.removeEventListener('abort', onAbort);
      if (isWanted) resolve(client);
      else client.release();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    acquiring.then(receive, (error: Error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
  });
}

async function connect({ pool, size }: SizedPool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    if (!isTooMany(error)) throw error;
    return connectWithFewer({ pool, size }, error);
  }
}

async function connectWithFewer({ pool, size }: SizedPool, refusal: unknown): Promise<PoolClient> {
  const deadlineMs = performance.now() + connectWithinMs;
  for (let last = refusal; ;) {
    if (!size.shrink() || performance.now() > deadlineMs) throw last;
    try {
      return await pool.connect();
    } catch (error) {
      if (!isTooMany(error)) throw error;
      last = error;
    }
  }
}

/** too_many_connections: of the server, the database, or the role. */
function isTooMany(error: unknown): boolean {
  return error instanceof Error && sqlStateOf(error) === '53300';
}

/** The interval after which a shrunk pool may open one more connection. */
const growEveryMs = 2_000;
/** The shortest interval between two log lines about it. */
const reportEveryMs = 60_000;

/**
 * Limits a pool to the number of connections that the server accepts, if this is less than configured. Calls share the open
 * connections then. The pool grows again by one connection at a time.
 */
export class PoolSize {
  readonly #pool: Pool;
  readonly #wanted: number;
  readonly #log: StoreLog;
  #growing: NodeJS.Timeout | undefined;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(pool: Pool, wanted: number, log: StoreLog) {
    this.#pool = pool;
    this.#wanted = wanted;
    this.#log = log;
  }

  /**
   * To be called when the server has refused another connection.
   *
   * @returns false if no connection is open for which a call could wait
   */
  shrink(): boolean {
    const { options, totalCount } = this.#pool;
    if (totalCount === 0) return false;
    options.max = Math.min(options.max, totalCount);
    this.#report(options.max);
    this.#growing ??= setInterval(() => this.#grow(), growEveryMs).unref();
    return true;
  }

  #grow(): void {
    const { options } = this.#pool;
    options.max = Math.min(options.max + 1, this.#wanted);
    if (options.max === this.#wanted || this.#pool.ending) this.close();
  }

  close(): void {
    clearInterval(this.#growing);
    this.#growing = undefined;
  }

  #report(open: number): void {
    const nowMs = performance.now();
    if (nowMs < this.#reportedAtMs + reportEveryMs) return;
    this.#reportedAtMs = nowMs;
    this.#log.warn(
      { open, wanted: this.#wanted },
      'too many connections to the database: calls share those that are open',
    );
  }
}
