import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { SystemClock } from '../vault/time.ts';
import { migrateInstance } from '../start/instance.ts';
import { databaseNameOf } from '../store/postgres/connect/database-connection.ts';
import { UsageError } from './usage.ts';

/**
 * Brings the schema of a server's database to this release, as the user of COFFER_MIGRATE_DATABASE_URL, or else of
 * COFFER_DATABASE_URL. With that, the user of the server needs nothing but to be a member of `coffer_app`. It makes neither
 * keys nor an owner. Progress goes to the standard error as JSON lines.
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
