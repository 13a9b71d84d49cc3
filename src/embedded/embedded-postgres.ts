import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { chooseAccount, findAccess } from './account.ts';
import { ensureRunnable, locateBinaries } from './binaries.ts';
import { clusterOwner, clusterPath, ensureCluster } from './cluster.ts';
import { prepareDataDirectory, removeLeftovers } from './data-directory.ts';
import { EmbeddedPostgresError, errorCodeOf, fileSystemError } from './errors.ts';
import { type EmbeddedLog, PostmasterKeeper } from './postmaster-keeper.ts';
import { lookForPostmaster } from './obtain-postmaster.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import type { PostmasterSettings } from './postmaster.ts';
import { ensureSocketDirectory } from './socket-directory.ts';

/** The database with Coffer's tables. The lock of the data directory is taken in the database `postgres`. */
export const embeddedDatabase = 'coffer';

/** How to start the embedded PostgreSQL. */
export type EmbeddedPostgresOptions = {
  /** Created where it is missing. Contains `postgres/`, `socket/`, `postgres.log` and, where a copy was needed, `runtime-<version>/`. */
  readonly dataDir: string;
  readonly log: EmbeddedLog;
  /** Called when a postmaster died and another Coffer took the data directory meanwhile: stop serving. */
  readonly onLost?: (error: EmbeddedPostgresError) => void;
  /** Aborted when this process is about to exit without `stop`: the postmaster is asked to stop, without waiting. */
  readonly abandon?: AbortSignal;
  /** How long the lock of a killed Coffer, whose session ends shortly after it, is waited for: 3 s by default, in milliseconds. */
  readonly lockTimeoutMs?: number;
};

/** A PostgreSQL that is running, and is kept running until `stop`. */
export type EmbeddedPostgres = {
  /** As a superuser, to prepare the database; a server should use a lesser role. It survives restarts of the postmaster. */
  readonly connection: PostgresConnection;
  /** Ends open sessions, writes a checkpoint and releases the data directory. May be called again. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts PostgreSQL on a data directory, or takes over the one that a killed Coffer left running, and locks the data
 * directory. The first start takes 0.9 s, later ones 0.1 s.
 *
 * @throws EmbeddedPostgresError
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { lockTimeoutMs = 3_000, log, onLost = () => undefined } = options;
  const dataDir = await prepareDataDirectory(options.dataDir);
  const settings = await prepareSettings(dataDir, log);
  const keeper = new PostmasterKeeper({ settings, dataDir, log, onLost, lockTimeoutMs });
  options.abandon?.addEventListener('abort', () => keeper.abandon(), { once: true });
  try {
    const { connection, session } = await keeper.open();
    await ensureDatabase(session);
    return { connection: { ...connection, database: embeddedDatabase }, stop: () => keeper.stop() };
  } catch (error) {
    await keeper.stop();
    throw error instanceof EmbeddedPostgresError
      ? error
      : new EmbeddedPostgresError(
          'start_failed',
          `The PostgreSQL of ${dataDir} ended while it was being started`,
          error,
        );
  }
}

async function prepareSettings(dataDir: string, log: EmbeddedLog): Promise<PostmasterSettings> {
  const access = await findAccess(dataDir, await chooseAccount(await clusterOwner(dataDir)));
  const removed = await removeLeftovers(dataDir);
  if (removed.length > 0) log.warn({ dataDir, removed }, 'removed what an interrupted start left behind');
  const binaries = await ensureRunnable(await locateBinaries(), access);
  const found = await ensureCluster(access, binaries);
  log.info({ dataDir, account: access.account?.name, cluster: found }, 'starting embedded PostgreSQL');
  return {
    cluster: clusterPath(dataDir),
    binaries,
    access,
    socketDirectory: await ensureSocketDirectory(access),
    logFile: join(dataDir, 'postgres.log'),
  };
}

async function ensureDatabase(session: Client): Promise<void> {
  const { rowCount } = await session.query('select from pg_database where datname = $1', [embeddedDatabase]);
  if (rowCount === 0) await session.query(`create database ${embeddedDatabase}`);
}

const busyMsMax = 30_000;
const pollMs = 50;

/**
 * Finds the PostgreSQL that serves a data directory, for commands on the machine of a running Coffer. It starts, locks and
 * changes nothing.
 *
 * @returns undefined where no PostgreSQL serves the directory
 * @throws EmbeddedPostgresError where the directory cannot be read, or its PostgreSQL is starting or stopping for 30 s
 */
export async function attachEmbeddedPostgres(dataDir: string): Promise<PostgresConnection | undefined> {
  const path = await existingPath(dataDir);
  if (path === undefined) return undefined;
  const deadline = performance.now() + busyMsMax;
  for (;;) {
    const sighting = await lookForPostmaster(clusterPath(path));
    if (sighting.state === 'ready') {
      const { connection, session } = sighting.postmaster;
      await session.end();
      return { ...connection, database: embeddedDatabase };
    }
    if (sighting.state === 'absent' && sighting.role !== 'postmaster') return undefined;
    if (performance.now() > deadline) {
      throw new EmbeddedPostgresError(
        'start_failed',
        `The PostgreSQL of ${path} is still starting or stopping: try again`,
      );
    }
    await delay(pollMs);
  }
}

async function existingPath(dataDir: string): Promise<string | undefined> {
  try {
    return await realpath(dataDir);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw fileSystemError('look at', dataDir, error);
  }
}
