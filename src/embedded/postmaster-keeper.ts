import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { takeDataDirectoryLock } from './data-directory-lock.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import type { EmbeddedLog } from './embedded-log.ts';
import { obtainPostmaster } from './obtain-postmaster.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { askToStop, stopPostmaster, type PostmasterSettings } from './postmaster.ts';
import { limitServerLog } from './server-log.ts';

/** What a keeper is given; `onLost` is told when it has to give the data directory up. */
export type PostmasterKeeperOptions = {
  readonly settings: PostmasterSettings;
  readonly dataDir: string;
  readonly log: EmbeddedLog;
  readonly onLost: (error: EmbeddedPostgresError) => void;
};

const restartDelayMsMin = 100;
/** As long as a full disk may be full: with the time that recovery takes, service is back within 10 s of room. */
const restartDelayMsMax = 3_000;
const logCheckMs = 60_000;

/**
 * Holds the lock of a data directory on a session of its own, and starts the postmaster again when that session ends
 * before it was told to stop. Its end tells of every way in which a postmaster can go, whoever started it.
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
   * Finds or starts the postmaster and takes the lock. Answers the superuser's connection to the database `postgres`.
   * @throws EmbeddedPostgresError `in_use` when another Coffer holds the lock; its postmaster is then left alone
   */
  async open(): Promise<{ readonly connection: PostgresConnection; readonly session: Client }> {
    const { dataDir, log, settings } = this.#options;
    await this.#limitLog();
    const socketDirectory = this.#socket?.host ?? settings.socketDirectory;
    const { connection, processId, session } = await obtainPostmaster(
      { ...settings, socketDirectory },
      this.#stop.signal,
    );
    if (!(await takeDataDirectoryLock(session))) {
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
   * Stops the postmaster and lets go of the lock, in that order: nobody takes over a postmaster that is stopping.
   * May be called at any time and more than once.
   * @throws EmbeddedPostgresError `stop_failed`
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopOnce();
    return this.#stopped;
  }

  /** Asks the postmaster to stop, without waiting for it: it finishes when this process has ended. */
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
