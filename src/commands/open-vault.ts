import { resolve } from 'node:path';
import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { attachEmbeddedPostgres, startEmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import { clusterOwner } from '../embedded/cluster.ts';
import type { Instance } from '../start/instance.ts';
import { openInstance } from '../start/open-instance.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import type { DatabaseConnection } from '../store/postgres/connect/database-connection.ts';
import { NoVaultError } from '../store/schema/schema-check.ts';
import { SystemClock, type Clock } from '../vault/time.ts';

/** A vault that exists, opened for a command. The stack closes it. */
export interface OpenVault {
  readonly instance: Instance;
  readonly connection: DatabaseConnection;
  readonly clock: Clock;
}

/**
 * Opens a vault for a command, whether or not a server is running on it. Commands report to their own output, not to a log.
 *
 * @throws NoVaultError where there is no vault, and what `openInstance` throws
 */
export async function openVault(
  config: Config,
  stack: AsyncDisposableStack,
  stopping: StopRequests,
): Promise<OpenVault> {
  const connection = await connectToVault(config, stack, stopping);
  const clock = new SystemClock();
  const log = pino({ level: 'silent' });
  return {
    clock,
    connection,
    instance: await openInstance({ config, connection, clock, log, mayBegin: false }, stack),
  };
}

/**
 * Connects to the database. Where no server runs on the data directory, it starts the embedded PostgreSQL, and the stack
 * stops it. A stop request then stops that PostgreSQL, which makes the command fail and unwind its stack; a command that
 * uses a running server's database is ended by the signal itself.
 */
export async function connectToVault(
  { database, dataDir }: Config,
  stack: AsyncDisposableStack,
  stopping: StopRequests,
): Promise<DatabaseConnection> {
  if (database.kind === 'server') return { url: database.url };
  const running = await attachEmbeddedPostgres(dataDir);
  if (running) return running;
  if ((await clusterOwner(dataDir)) === undefined) throw new NoVaultError(resolve(dataDir));
  stopping.listen();
  const postgres = await startEmbeddedPostgres({ dataDir, log: pino({ level: 'silent' }) });
  stack.defer(() => postgres.stop());
  stopping.requested.throwIfAborted();
  stopping.requested.addEventListener('abort', () => void postgres.stop());
  return postgres.connection;
}
