import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { SystemClock } from '../vault/time.ts';
import { migrateInstance } from '../start/open-instance.ts';
import { databaseNameOf } from '../store/postgres/connect/database-connection.ts';
import { UsageError } from './usage.ts';

/**
 * Migrates the schema of an external database to this release, as the user of COFFER_MIGRATE_DATABASE_URL, or else of
 * COFFER_DATABASE_URL. The server's user then only needs to be a member of `coffer_app`. The command makes neither keys nor
 * an owner. Progress is logged to the standard error as JSON lines.
 *
 * @returns the exit code
 * @throws UsageError for the embedded database, which every start migrates
 */
export async function migrate(config: Config): Promise<number> {
  if (config.database.kind === 'embedded') {
    throw new UsageError('migrate is for COFFER_DATABASE_URL: the embedded database is migrated by every start');
  }
  const connection = { url: config.migrateDatabaseUrl ?? config.database.url };
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: true }));
  await migrateInstance({ config, connection, clock: new SystemClock(), log });
  process.stdout.write(`the database ${databaseNameOf(connection)} has the schema of this release\n`);
  return 0;
}
