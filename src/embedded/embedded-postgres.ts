import { join } from 'node:path';
import type { Client } from 'pg';
import { chooseAccount } from './account.ts';
import { locateBinaries } from './binaries.ts';
import { clusterOwner, clusterPath, ensureCluster } from './cluster.ts';
import { findAccess } from './data-directory-access.ts';
import { prepareDataDirectory, removeLeftovers } from './data-directory.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import type { EmbeddedLog } from './embedded-log.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { PostmasterKeeper } from './postmaster-keeper.ts';
import type { PostmasterSettings } from './postmaster.ts';
import { ensureRunnable } from './runnable-binaries.ts';
import { ensureSocketDirectory } from './socket-directory.ts';

/** The database that Coffer keeps its tables in; the lock lives in `postgres`, apart from them. */
export const embeddedDatabase = 'coffer';

/** How to start the embedded PostgreSQL. */
export type EmbeddedPostgresOptions = {
  /** Made when missing. Holds `postgres/`, `socket/`, `postgres.log` and, where a copy was needed, `runtime-<version>/`. */
  readonly dataDir: string;
  readonly log: EmbeddedLog;
  /** Told when a postmaster died and another Coffer took the data directory before it was ours again: stop serving. */
  readonly onLost?: (error: EmbeddedPostgresError) => void;
  /** Aborted when this process is about to end without `stop`: the postmaster is asked to stop, and not waited for. */
  readonly abandon?: AbortSignal;
};

/** A PostgreSQL that is running, and is kept running until `stop`. */
export type EmbeddedPostgres = {
  /** As a superuser, who prepares the database; what serves should log in as somebody less. It stays the same when the postmaster is started again. */
  readonly connection: PostgresConnection;
  /** Ends the sessions that are open, writes a checkpoint and lets go of the data directory. May be called again. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts PostgreSQL on a data directory, or takes over the one that a killed Coffer left behind, and holds the data
 * directory against any other Coffer. 0.9 s the first time, 0.1 s after.
 * @throws EmbeddedPostgresError with what is wrong and what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, onLost = () => undefined } = options;
  const dataDir = await prepareDataDirectory(options.dataDir);
  const settings = await prepareSettings(dataDir, log);
  const keeper = new PostmasterKeeper({ settings, dataDir, log, onLost });
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
