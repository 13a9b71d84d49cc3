import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ClientConfig } from 'pg';
import { VaultError } from '../../../vault/errors.ts';
import { NoServerError, reasonOf, sqlStateOf, translateFailure } from './database-failure.ts';
import type { SessionOpener } from './session-opener.ts';
import type { StoreLog } from './store-log.ts';
import { DatabaseTlsError } from './tls-options.ts';

/** How to wait for a database that is not available yet. */
export interface DatabaseWait {
  readonly waitMs: number;
  readonly log: StoreLog;
  /** Settings of pg in addition to those of the connection. */
  readonly config?: ClientConfig;
  /** Aborts the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** The database was not available in time. The message names its hosts, never the user or the password. */
export class DatabaseUnreachableError extends Error {
  constructor(place: string, waitMs: number, cause: unknown) {
    const waited = waitMs > 0 ? ` for ${waitMs} ms` : '';
    super(`the database at ${place} is not available${waited} (${reasonOf(cause)})`, { cause });
    this.name = 'DatabaseUnreachableError';
  }
}

const pauseMs = 500;
const reportEveryMs = 5_000;
/** cannot_connect_now: the server is starting, stopping or recovering. */
const startingUp = '57P03';
const tooManyConnections = '53300';

/**
 * Opens a session. It retries while the server is unreachable, starting, read-only or out of connections; any other failure, such
 * as a wrong password, is final.
 *
 * @throws DatabaseUnreachableError when the time is over, the signal's reason when it is aborted
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
      if (!isTemporary(error)) throw error;
      const { place } = opener;
      const now = performance.now();
      if (now + pauseMs > deadline) throw new DatabaseUnreachableError(place, waitMs, error);
      if (now > reportedAtMs + reportEveryMs) {
        log.warn({ database: place, reason: reasonOf(error) }, 'waiting for the database');
        reportedAtMs = now;
      }
    }
    await delay(pauseMs, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  }
}

function isTemporary(error: unknown): boolean {
  if (error instanceof NoServerError) return error.errors.every(isTemporary);
  const sqlState = error instanceof Error ? sqlStateOf(error) : undefined;
  if (sqlState !== undefined) return sqlState === startingUp || sqlState === tooManyConnections;
  return !(error instanceof DatabaseTlsError) && translateFailure(error) instanceof VaultError;
}
