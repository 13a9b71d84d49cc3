import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ClientConfig } from 'pg';
import { VaultError } from '../../../vault/errors.ts';
import { NoServerError, reasonOf, sqlStateOf, translateFailure } from './database-failure.ts';
import type { SessionOpener } from './session-opener.ts';
import type { StoreLog } from './store-log.ts';
import { DatabaseTlsError } from './tls-options.ts';

/** How a database that is not there yet is waited for. */
export interface DatabaseWait {
  readonly waitMs: number;
  readonly log: StoreLog;
  /** Beyond what the connection says. */
  readonly config?: ClientConfig;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** The database did not answer for as long as was waited for it; names where it was looked for, never the user or password. */
export class DatabaseAwayError extends Error {
  constructor(place: string, waitMs: number, cause: unknown) {
    const waited = waitMs > 0 ? ` for ${waitMs} ms` : '';
    super(`the database at ${place} is not available${waited} (${reasonOf(cause)})`, { cause });
    this.name = 'DatabaseAwayError';
  }
}

const pauseMs = 500;
const reportEveryMs = 5_000;
/** cannot_connect_now: the server is starting, stopping or recovering. */
const startingUp = '57P03';
const tooManyConnections = '53300';

/**
 * Opens a session. A server that is not there yet, is starting, may not be written to, or has no session left is waited for; any
 * other failure, such as a wrong password, is final at once.
 *
 * @throws DatabaseAwayError when the time is over, the signal's reason when it is aborted
 */
export async function connectWithRetry(
  opener: SessionOpener,
  { config = {}, log, signal, waitMs }: DatabaseWait,
): Promise<Client> {
  const deadline = performance.now() + waitMs;
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await opener.open({ config, ...(signal && { signal }) });
    } catch (error) {
      if (!isPassing(error)) throw error;
      const { place } = opener;
      const now = performance.now();
      if (now + pauseMs > deadline) throw new DatabaseAwayError(place, waitMs, error);
      if (now > reportedAtMs + reportEveryMs) {
        log.warn({ database: place, reason: reasonOf(error) }, 'waiting for the database');
        reportedAtMs = now;
      }
    }
    await delay(pauseMs, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof NoServerError) return error.errors.every(isPassing);
  const sqlState = error instanceof Error ? sqlStateOf(error) : undefined;
  if (sqlState !== undefined) return sqlState === startingUp || sqlState === tooManyConnections;
  return !(error instanceof DatabaseTlsError) && translateFailure(error) instanceof VaultError;
}
