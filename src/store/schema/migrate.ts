import assert from 'node:assert/strict';
import { Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import type { Client, ClientBase } from 'pg';
import { advisoryLocks } from '../postgres/statements/advisory-locks.ts';
import { appRole, asAppRole, prepareAppRole } from './app-role.ts';
import { connectWithRetry } from '../postgres/connect/await-database.ts';
import type { DatabaseConnection } from '../postgres/connect/database-connection.ts';
import { translateFailure } from '../postgres/connect/database-failure.ts';
import type { DatabaseOptions } from '../postgres/database.ts';
import { endClient, SessionOpener } from '../postgres/connect/session-opener.ts';
import { migrations } from '../migrations/index.ts';
import { driverOptionsOf, ormOptionsOf } from '../postgres/orm-options.ts';
import { requireOwnSessions, warnIfUnencrypted } from '../postgres/connect/session-checks.ts';
import { indexEmptyTable } from './search-indexes.ts';
import { isServingUser, rejectUnchainedTrail, rejectUnknownMigrations, requireSchema } from './schema-check.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';
import { answerGraceMs } from '../postgres/connect/time-limits.ts';

/** The options of a migration. */
export interface MigrationOptions {
  /** Connects as the present or future owner of the tables. */
  readonly connection: DatabaseConnection;
  readonly log: StoreLog;
  /**
   * Whether sessions of the server log in as its role, so that they can never become the owner. This requires a cluster only for
   * Coffer that authenticates without a password. Otherwise they log in as the owner, and set the role.
   */
  readonly roleLogsIn?: boolean;
  /** The time to wait for another process that is migrating, and for each lock of a table. */
  readonly lockTimeoutMs?: number;
  /** Whether the schema may be created or updated, as by default; otherwise it must be that of this release. */
  readonly mayMigrate?: boolean;
  /** The time to wait for a database that is not available yet; 0 by default. */
  readonly waitMs?: number;
  /** Aborts that wait. */
  readonly signal?: AbortSignal | undefined;
  /** Inspects the database under the migration lock before anything is changed. */
  readonly check?: (owner: Client) => Promise<void>;
}

const lockTimeoutMsDefault = 60_000;
/** A migration may rewrite a large table. */
const migrationWithinMs = 3_600_000;

/**
 * Migrates the schema, and then runs work that one process does at a time as well, such as creating the first keys. If several
 * processes start at once, the others wait and then find everything done.
 *
 * @param work receives the connection and the role of the server for `openDatabase`
 * @throws SchemaTooNewError; NoVaultError and SchemaTooOldError if it may not migrate; VaultError `unavailable`, also if another
 *   process has the lock for too long
 */
export async function withMigratedDatabase<Result>(
  options: MigrationOptions,
  work: (migrated: Pick<DatabaseOptions, 'connection' | 'role'>) => Promise<Result>,
): Promise<Result> {
  const { connection, lockTimeoutMs = lockTimeoutMsDefault, log, roleLogsIn = false } = options;
  const owner = await translated(() => connect(options, lockTimeoutMs));
  owner.on('error', () => log.warn({}, 'the connection that holds the migration lock was lost'));
  try {
    const role = await translated(() => prepare(owner, { ...options, lockTimeoutMs }));
    return await work(servingSession({ connection, roleLogsIn }, role));
  } finally {
    // The lock ends with its session.
    await endClient(owner);
  }
}

async function connect({ connection, log, signal, waitMs = 0 }: MigrationOptions, lockTimeoutMs: number) {
  const config = { query_timeout: lockTimeoutMs + answerGraceMs };
  const owner = await connectWithRetry(new SessionOpener(connection), { config, log, signal, waitMs });
  await owner.query(settingsOf(lockTimeoutMs));
  return owner;
}

async function translated<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw translateFailure(error);
  }
}

/** Statements instead of startup parameters, like all settings of sessions. */
function settingsOf(lockTimeoutMs: number): string {
  return `set lock_timeout = ${Math.trunc(lockTimeoutMs)}; set jit = off`;
}

type Preparation = MigrationOptions & { readonly lockTimeoutMs: number };

async function prepare(owner: Client, options: Preparation): Promise<DatabaseOptions['role']> {
  const { check, connection, log, mayMigrate = true, roleLogsIn = false } = options;
  warnIfUnencrypted(owner, log);
  if ('url' in connection) await requireOwnSessions(owner, new SessionOpener(connection));
  await owner.query('select pg_advisory_lock($1, $2)', [...advisoryLocks.migration]);
  if (await isServingUser(owner)) {
    await asAppRole(owner, () => requireSchema(owner));
    await asAppRole(owner, async () => check?.(owner));
    return appRole;
  }
  if (!mayMigrate) await requireSchema(owner);
  await rejectUnchainedTrail(owner);
  await check?.(owner);
  const { bypasses, isSuper } = await readRights(owner);
  if ('url' in connection && isSuper) log.warn({}, superuserWarning);
  if (mayMigrate) {
    await migrate(options);
    await indexEmptyTable(owner);
  }
  const role = await prepareAppRole(owner, roleLogsIn);
  if (role === null) log.warn({}, bypasses ? bypassWarning : ownerWarning);
  return role;
}

/**
 * How sessions of the server connect and which role they set.
 *
 * @param role what the migration has found
 */
export function servingSession(
  { connection, roleLogsIn = false }: Pick<MigrationOptions, 'connection' | 'roleLogsIn'>,
  role: DatabaseOptions['role'],
): Pick<DatabaseOptions, 'connection' | 'role'> {
  if (!roleLogsIn) return { connection, role };
  assert(!('url' in connection), 'only the embedded server can let the role log in');
  return { connection: { ...connection, user: appRole }, role: null };
}

async function migrate({ connection, log, lockTimeoutMs }: Preparation): Promise<void> {
  const orm = await MikroORM.init({
    ...ormOptionsOf(connection, log),
    pool: { min: 0, max: 2 },
    driverOptions: {
      ...driverOptionsOf(connection),
      query_timeout: migrationWithinMs,
      onConnect: (client: ClientBase) => client.query(settingsOf(lockTimeoutMs)),
    },
    extensions: [Migrator],
    migrations: {
      tableName: 'schema_migration',
      migrationsList: migrations,
      snapshot: false,
      silent: true,
      disableForeignKeys: false,
    },
  });
  try {
    rejectUnknownMigrations((await orm.migrator.getExecuted()).map(({ name }) => name));
    for (const { name } of await orm.migrator.up()) log.info({ migration: name }, 'the schema was migrated');
  } finally {
    await orm.close();
  }
}

const superuserWarning =
  'the user of COFFER_DATABASE_URL is a superuser of the database: give Coffer a user with fewer rights';
const bypassWarning =
  'the database user may not become coffer_app and bypasses row-level security: only queries keep tenants apart';
const ownerWarning =
  'the database user may not become coffer_app: the server works as the owner of its tables, subject to forced row-level security';

async function readRights(owner: Client): Promise<{ readonly isSuper: boolean; readonly bypasses: boolean }> {
  const { rows } = await owner.query<{ isSuper: boolean; bypasses: boolean }>(
    'select rolsuper as "isSuper", rolbypassrls as bypasses from pg_roles where rolname = current_user',
  );
  return rows[0] ?? { isSuper: false, bypasses: false };
}
