import { resolve } from 'node:path';
import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { attachEmbeddedPostgres } from '../embedded/attach.ts';
import { clusterOwner } from '../embedded/cluster.ts';
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { NoVaultError } from '../store/schema/schema-check.ts';
import type { DatabaseConnection } from '../store/postgres/connect/database-connection.ts';

/**
 * Where the data are, for a command that works beside a running server as well as without one: the embedded PostgreSQL is
 * started where none serves the data directory, and then stopped with the stack. A request to stop ends it under the
 * command, which fails by that and unwinds its stack; one that only uses a running server is ended by the signal itself.
 *
 * @throws NoVaultError where the data directory has no database
 */
export async function connectToDatabase(
  config: Config,
  stack: AsyncDisposableStack,
  stopping: StopRequests,
): Promise<DatabaseConnection> {
  if (config.database.kind === 'server') return { url: config.database.url };
  const running = await attachEmbeddedPostgres(config.dataDir);
  if (running) return running;
  if ((await clusterOwner(config.dataDir)) === undefined) throw new NoVaultError(resolve(config.dataDir));
  stopping.listen();
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, log: pino({ level: 'silent' }) });
  stack.defer(() => postgres.stop());
  stopping.requested.throwIfAborted();
  stopping.requested.addEventListener('abort', () => void postgres.stop());
  return postgres.connection;
}
