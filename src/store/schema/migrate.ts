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
import { isServingUser, refuseUnchained, refuseUnknown, requireSchema } from './schema-check.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';
import { answerGraceMs } from '../postgres/connect/time-limits.ts';

/** What a migration works with. */
export interface MigrationOptions {
  /** The owner of the tables, or who is to become it. */
  readonly connection: DatabaseConnection;
  readonly log: StoreLog;
  /**
   * The server's sessions begin as its role, and so can never become the owner: for a cluster that is Coffer's alone, and
   * lets in without a password whoever reaches it. Otherwise they begin as the owner, and become the role.
   */
  readonly roleLogsIn?: boolean;
  /** How long to wait for another process that is migrating, and for each lock of a table. */
  readonly lockTimeoutMs?: number;
  /** Whether a schema is made or brought up to date, as by default, or has to be that of this release already. */
  readonly mayMigrate?: boolean;
  /** How long to wait for a database that is not there yet; not at all by default. */
  readonly waitMs?: number;
  /** Ends that waiting. */
  readonly signal?: AbortSignal | undefined;
  /** Looks at what is there, under the migration lock, before anything is changed. */
  readonly check?: (owner: Client) => Promise<void>;
}

const lockTimeoutMsDefault = 60_000;
/** A migration may rewrite a large table. */
const migrationWithinMs = 3_600_000;

/**
 * Brings the schema up to date, and then does the work that must be done by one process at a time as well, such as
 * making the first keys. Several processes may start at once: the others wait, and then find everything done.
 *
 * @param work is given how the server is to connect, and what it is to work as, for `openDatabase`
 * @throws SchemaTooNewError; NoVaultError and SchemaTooOldError where it may not migrate; VaultError `unavailable` also where another process holds the lock for too long
 */
export async function withMigratedDatabase<Result>(
  options: MigrationOptions,
  work: (migrated: Pick<DatabaseOptions, 'connection' | 'role'>) => Promise<Result>,
): Promise<Result> {
  const { connection, lockTimeoutMs = lockTimeoutMsDefault, log, roleLogsIn = false } = options;
  const owner = await connect(options, lockTimeoutMs);
  owner.on('error', () => log.warn({}, 'the connection that holds the migration lock was lost'));
  try {
    warnIfUnencrypted(owner, log);
    if ('url' in connection) await requireWholeSessions(owner, connection);
    const role = await prepare(owner, { ...options, lockTimeoutMs });
    return await work(roleLogsIn ? logInAsRole(connection) : { connection, role });
  } finally {
    // The lock goes with its session.
    await endClient(owner);
  }
}

async function connect({ connection, log, signal, waitMs = 0 }: MigrationOptions, lockTimeoutMs: number) {
  try {
    const config = { query_timeout: lockTimeoutMs + answerGraceMs };
    const owner = await connectWithRetry(new SessionOpener(connection), { config, log, signal, waitMs });
    await owner.query(settingsOf(lockTimeoutMs));
    return owner;
  } catch (error) {
    throw translateFailure(error);
  }
}

async function requireWholeSessions(owner: Client, connection: DatabaseConnection): Promise<void> {
  try {
    await requireOwnSessions(owner, new SessionOpener(connection));
  } catch (error) {
    throw translateFailure(error);
  }
}

/** Statements rather than startup parameters, as all settings of sessions. */
function settingsOf(lockTimeoutMs: number): string {
  return `set lock_timeout = ${Math.trunc(lockTimeoutMs)}; set jit = off`;
}

type Preparation = MigrationOptions & { readonly lockTimeoutMs: number };

async function prepare(owner: Client, options: Preparation): Promise<DatabaseOptions['role']> {
  const { check, connection, log, mayMigrate = true, roleLogsIn = false } = options;
  try {
    await owner.query('select pg_advisory_lock($1, $2)', [...advisoryLocks.migration]);
    if (await isServingUser(owner)) {
      await asAppRole(owner, () => requireSchema(owner));
      await asAppRole(owner, async () => check?.(owner));
      return appRole;
    }
    if (!mayMigrate) await requireSchema(owner);
    await refuseUnchained(owner);
    await check?.(owner);
    if ('url' in connection) await warnOfSuperuser(owner, log);
    if (mayMigrate) await migrate(options);
    const role = await prepareAppRole(owner, roleLogsIn);
    if (role === null) await warnOfOwner(owner, log);
    return role;
  } catch (error) {
    throw translateFailure(error);
  }
}

function logInAsRole(connection: DatabaseConnection): Pick<DatabaseOptions, 'connection' | 'role'> {
  assert(!('url' in connection), 'a server decides by itself who may log in');
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
    refuseUnknown((await orm.migrator.getExecuted()).map(({ name }) => name));
    for (const { name } of await orm.migrator.up()) log.info({ migration: name }, 'the schema was migrated');
  } finally {
    await orm.close();
  }
}

async function warnOfSuperuser(owner: Client, log: StoreLog): Promise<void> {
  const { rows } = await owner.query<{ isSuper: boolean }>(
    'select rolsuper as "isSuper" from pg_roles where rolname = current_user',
  );
  if (rows[0]?.isSuper === true) {
    log.warn({}, 'the user of COFFER_DATABASE_URL is a superuser of the database: give Coffer a user of less rights');
  }
}

async function warnOfOwner(owner: Client, log: StoreLog): Promise<void> {
  const { rows } = await owner.query<{ bypasses: boolean }>(
    'select rolbypassrls as bypasses from pg_roles where rolname = current_user',
  );
  log.warn(
    {},
    rows[0]?.bypasses === true
      ? 'the database user may not become coffer_app and bypasses row-level security: tenants are kept apart by queries alone'
      : 'the database user may not become coffer_app: the server works as the owner of its tables, whom forced row-level security binds',
  );
}
