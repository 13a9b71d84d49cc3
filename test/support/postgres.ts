import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import type { PostgresConnection } from '../../src/embedded/postgres-connection.ts';
import { withMigratedDatabase } from '../../src/store/schema/migrate.ts';
import { startPostgresServer, type PostgresServer } from './postgres-server.ts';

/** A fresh database: its fields for pg and MikroORM, and the same as a `postgresql://` URL. */
export type TestDatabase = { readonly connection: PostgresConnection; readonly url: string };

/** The PostgreSQL that all tests of one run share. */
export type SharedPostgres = {
  /** The superuser, in a database that no test writes to. */
  readonly connection: PostgresConnection;
  readonly url: string;
  /** Makes an empty database, under a random name by default. */
  readonly createDatabase: (name?: string) => Promise<TestDatabase>;
  /** Makes a database with the schema of this release and no rows: a copy of one that was migrated once. */
  readonly createMigratedDatabase: () => Promise<TestDatabase>;
};

/** The environment variable that gives the connection, as JSON, to the processes of a parallel run. */
const sharedConnection = 'TEST_POSTGRES_CONNECTION';

/** No data outlive the run, so nothing is flushed and a page is written once. */
const settings = ['full_page_writes = off', 'wal_level = minimal', 'max_wal_senders = 0', 'timezone = UTC'];

const template = 'migrated_template';

let running: Promise<PostgresServer> | undefined;
let migrating: Promise<void> | undefined;
const created: string[] = [];

/** Starts PostgreSQL in a temporary folder the first time it is asked for. The global teardown of `hooks.ts` stops it. */
export async function sharedPostgres(): Promise<SharedPostgres> {
  const connection = inheritedConnection() ?? (await (running ??= start())).connection;
  return {
    connection,
    url: connectionUrl(connection),
    createDatabase: (name) => createOwnDatabase(connection, 'template1', name),
    createMigratedDatabase: async () => {
      await (migrating ??= ensureTemplate(connection));
      return createOwnDatabase(connection, template);
    },
  };
}

/** Starts the server for processes that this one starts. */
export async function shareWithWorkers(): Promise<void> {
  process.env[sharedConnection] = JSON.stringify((await sharedPostgres()).connection);
}

/** Removes the databases that this process made on the server of another, which would keep them until the run ends. */
export async function dropInheritedDatabases(): Promise<void> {
  const connection = inheritedConnection();
  if (connection === undefined || created.length === 0) return;
  await inSession(connection, async (session) => {
    for (const name of created.splice(0))
      await session.query(`drop database if exists ${session.escapeIdentifier(name)} with (force)`);
  });
}

/** Stops the shared PostgreSQL, if it was started, and removes its folder. */
export async function stopSharedPostgres(): Promise<void> {
  const server = await running;
  running = undefined;
  await server?.stop();
}

/** The URL of a connection over a Unix socket; the folder is the host, percent-encoded, which pg and MikroORM decode. */
export function connectionUrl({ host, port, user, database }: PostgresConnection): string {
  return `postgresql://${encodeURIComponent(user)}@${encodeURIComponent(host)}:${port}/${encodeURIComponent(database)}`;
}

function inheritedConnection(): PostgresConnection | undefined {
  const text = process.env[sharedConnection];
  return text === undefined ? undefined : JSON.parse(text);
}

async function start(): Promise<PostgresServer> {
  // The folder of another version's programs, for a run of the tests against that version.
  const folder = process.env['TEST_POSTGRES_PROGRAMS'];
  return startPostgresServer({ settings, ...(folder !== undefined && { binaries: { folder } }) });
}

/** Migrates the template unless another process did; the lock makes one of them wait for the other. */
async function ensureTemplate(connection: PostgresConnection): Promise<void> {
  await inSession(connection, async (session) => {
    await session.query('select pg_advisory_lock(1)');
    const { rowCount } = await session.query('select from pg_database where datname = $1', [template]);
    if (rowCount !== 0) return;
    const target = await createDatabase(connection, 'template1', `${template}_in_progress`);
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    await withMigratedDatabase({ connection: target, log }, async () => undefined);
    await session.query(`alter database ${target.database} rename to ${template}`);
  });
}

async function createOwnDatabase(
  connection: PostgresConnection,
  source: string,
  name = `test_${randomBytes(6).toString('hex')}`,
): Promise<TestDatabase> {
  created.push(name);
  const target = await createDatabase(connection, source, name);
  return { connection: target, url: connectionUrl(target) };
}

async function createDatabase(
  connection: PostgresConnection,
  source: string,
  database: string,
): Promise<PostgresConnection> {
  await inSession(connection, (session) =>
    session.query(`create database ${session.escapeIdentifier(database)} template ${source}`),
  );
  return { ...connection, database };
}

async function inSession(connection: PostgresConnection, work: (session: Client) => Promise<unknown>): Promise<void> {
  const session = new Client(connection);
  await session.connect();
  try {
    await work(session);
  } finally {
    await session.end();
  }
}
