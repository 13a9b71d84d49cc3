import { setTimeout as delay } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import { VaultError } from '../../vault/errors.ts';
import { sqlStateOf, translateFailure } from './database-failure.ts';
import type { StoreLog } from './store-log.ts';

/** How a database that is not there yet is waited for. */
export interface DatabaseWait {
  readonly waitMs: number;
  readonly log: StoreLog;
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
 * Opens a session. A server that is not there yet, is starting, or has no session left is waited for; any other failure,
 * such as a wrong password, is final at once.
 *
 * @throws DatabaseAwayError when the time is over, the signal's reason when it is aborted
 */
export async function connectWhenThere(config: ClientConfig, { log, signal, waitMs }: DatabaseWait): Promise<Client> {
  const deadline = performance.now() + waitMs;
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal?.throwIfAborted();
    const client = new Client(config);
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (!isPassing(error)) throw error;
      const place = `${client.host}:${client.port}`;
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
  const sqlState = error instanceof Error ? sqlStateOf(error) : undefined;
  if (sqlState !== undefined) return sqlState === startingUp || sqlState === tooManyConnections;
  return translateFailure(error) instanceof VaultError;
}

/** The code of the failure, or pg's own words about the connection, which hold no setting. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  // Several addresses of one host fail together, without a message.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  const code: unknown = first instanceof Error ? Reflect.get(first, 'code') : undefined;
  return typeof code === 'string' ? code : error.message;
}
