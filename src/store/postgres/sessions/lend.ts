import type { Pool, PoolClient } from 'pg';
import { canceled, sqlStateOf } from '../connect/database-failure.ts';
import type { PoolSize } from './pool-size.ts';
import { connectWithinMs } from '../connect/time-limits.ts';

/** A pool, and how many connections it may have. */
export interface LendingPool {
  readonly pool: Pool;
  readonly size: PoolSize;
}

/**
 * Waits for a connection no longer than the signal lets; one that comes too late goes straight back. Where the server allows
 * no further one, waits for one of those that are open.
 */
export async function lend(source: LendingPool, signal: AbortSignal | undefined): Promise<PoolClient> {
  if (signal?.aborted) throw canceled(signal);
  const lending = connect(source);
  if (!signal) return lending;
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
    lending.then(receive, (error: Error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
  });
}

async function connect({ pool, size }: LendingPool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    if (!isTooMany(error)) throw error;
    return connectWithFewer({ pool, size }, error);
  }
}

async function connectWithFewer({ pool, size }: LendingPool, refusal: unknown): Promise<PoolClient> {
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
