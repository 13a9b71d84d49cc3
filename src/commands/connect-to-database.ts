import { pino } from 'pino';
import type { Config } from '../config.ts';
import { attachEmbeddedPostgres } from '../embedded/attach.ts';
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import type { DatabaseConnection } from '../store/connection/database-connection.ts';

/**
 * Where the data are, for a command that works beside a running server as well as without one: the embedded PostgreSQL is
 * started where none serves the data directory, and then stopped with the stack.
 */
export async function connectToDatabase(config: Config, stack: AsyncDisposableStack): Promise<DatabaseConnection> {
  if (config.database.kind === 'server') return { url: config.database.url };
  const running = await attachEmbeddedPostgres(config.dataDir);
  if (running) return running;
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, log: pino({ level: 'silent' }) });
  stack.defer(() => postgres.stop());
  return postgres.connection;
}
