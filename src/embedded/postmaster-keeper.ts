import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { EmbeddedPostgresError, errorCodeOf } from './errors.ts';
import { obtainPostmaster } from './obtain-postmaster.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { askToStop, type PostmasterSettings, stopPostmaster } from './postmaster.ts';
import { limitServerLog } from './server-log.ts';

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** The log of this folder, such as a pino logger. Fields are folders, process ids, account names and error codes. */
export type EmbeddedLog = { readonly info: Write; readonly warn: Write; readonly error: Write };

/** What a keeper works with. `onLost` is called when another Coffer has taken the data directory. */
export type PostmasterKeeperOptions = {
  readonly settings: PostmasterSettings;
  readonly dataDir: string;
  readonly log: EmbeddedLog;
  readonly onLost: (error: EmbeddedPostgresError) => void;
  /** How long the lock of a killed Coffer is waited for, in milliseconds. */
  readonly lockTimeoutMs: number;
};

const restartDelayMsMin = 100;
/** Including recovery, service resumes within 10 s after a full disk has space again. */
const restartDelayMsMax = 3_000;
const logCheckMs = 60_000;

/**
 * Holds the lock of a data directory on a dedicated session, and restarts the postmaster when that session ends before a
 * stop. The end of the session covers every way in which a postmaster can die, including one that was taken over.
 */
export class PostmasterKeeper {
  readonly #options: PostmasterKeeperOptions;
  readonly #stop = new AbortController();
  #held: { readonly processId: number; readonly session: Client } | undefined;
  #socket: Pick<PostgresConnection, 'host' | 'port'> | undefined;
  #restoring: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  readonly #logTimer: NodeJS.Timeout;

  constructor(options: PostmasterKeeperOptions) {
    this.#options = options;
    this.#logTimer = setInterval(() => void this.#limitLog(), logCheckMs).unref();
  }

  /**
   * Finds or starts the postmaster and takes the lock. Returns the superuser's connection to the database `postgres`.
   *
   * @throws EmbeddedPostgresError `in_use` where another Coffer holds the lock; its postmaster is then not touched
   */
  async open(): Promise<{ readonly connection: PostgresConnection; readonly session: Client }> {
    const { dataDir, log, settings } = this.#options;
    await this.#limitLog();
    const socketDirectory = this.#socket?.host ?? settings.socketDirectory;
    const { connection, processId, session } = await obtainPostmaster(
      { ...settings, socketDirectory },
      this.#stop.signal,
    );
    if (!(await takeDataDirectoryLock(session, this.#options.lockTimeoutMs))) {
      await session.end();
      throw new EmbeddedPostgresError(
        'in_use',
        `Another Coffer is using ${dataDir}: stop it, or choose another COFFER_DATA_DIR`,
      );
    }
    this.#held = { processId, session };
    this.#socket = connection;
    session.once('end', () => this.#onSessionEnd());
    log.info({ dataDir, processId }, 'embedded PostgreSQL is ready');
    return { connection, session };
  }

  /**
   * Stops the postmaster and then releases the lock, so that no other Coffer takes over a postmaster that is stopping.
   * May be called at any time and more than once.
   *
   * @throws EmbeddedPostgresError `stop_failed`
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopOnce();
    return this.#stopped;
  }

  /** Asks the postmaster to stop, without waiting; it finishes after this process has exited. */
  abandon(): void {
    this.#stop.abort();
    if (this.#held) askToStop(this.#held.processId);
  }

  async #stopOnce(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#logTimer);
    await this.#restoring;
    if (this.#held === undefined) return;
    const { processId, session } = this.#held;
    try {
      await stopPostmaster(this.#options.settings.cluster, processId);
    } finally {
      await session.end();
    }
  }

  #onSessionEnd(): void {
    if (this.#stop.signal.aborted) return;
    this.#held = undefined;
    this.#options.log.warn({ dataDir: this.#options.dataDir }, 'embedded PostgreSQL has ended; starting it again');
    this.#restoring = this.#restore();
  }

  async #restore(): Promise<void> {
    const { dataDir, log, onLost } = this.#options;
    for (let delayMs = restartDelayMsMin; ; delayMs = Math.min(delayMs * 2, restartDelayMsMax)) {
      try {
        await this.open();
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (error instanceof EmbeddedPostgresError && error.code === 'in_use') {
          onLost(error);
          return;
        }
        log.error({ dataDir, err: error, delayMs }, 'embedded PostgreSQL could not be started again; trying once more');
      }
      await delay(delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
    }
  }

  async #limitLog(): Promise<void> {
    try {
      await limitServerLog(this.#options.settings.logFile);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the log of the embedded PostgreSQL could not be cut');
    }
  }
}

// "coffer" in ASCII. Any number works, as long as it never changes.
const lockKey = 0x636f66666572;
const lockNotAvailable = '55P03';

/**
 * Takes the lock that allows only one Coffer per data directory. It lasts as long as the session, so kill -9 releases it.
 * Advisory locks belong to one database, so this one is always taken in `postgres`.
 *
 * @returns whether it was granted in time
 */
async function takeDataDirectoryLock(session: Client, lockTimeoutMs: number): Promise<boolean> {
  try {
    await session.query(`set lock_timeout = ${lockTimeoutMs}`);
    await session.query('select pg_advisory_lock($1::bigint)', [lockKey]);
    return true;
  } catch (error) {
    if (errorCodeOf(error) === lockNotAvailable) return false;
    throw error;
  }
}
