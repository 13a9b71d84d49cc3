import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import type { PostgresConnection } from '../../src/embedded/postgres-connection.ts';
import { startPostgresServer } from './postgres-server.ts';

/** A fresh, empty database: its fields for pg and MikroORM, and the same as a `postgresql://` URL. */
export type TestDatabase = { readonly connection: PostgresConnection; readonly url: string };

/** The PostgreSQL that all tests of one run share. */
export type SharedPostgres = {
  /** The superuser, in a database that nobody else writes to. */
  readonly connection: PostgresConnection;
  readonly url: string;
  /** Makes an empty database, with a name of its own unless one is given; it goes with the server. */
  readonly createDatabase: (name?: string) => Promise<TestDatabase>;
};

type Running = { readonly dataDir: string; readonly postgres: Pick<EmbeddedPostgres, 'connection' | 'stop'> };

/** The environment variable that gives the connection, as JSON, to the processes of a parallel run. */
const sharedConnection = 'TEST_POSTGRES_CONNECTION';

let running: Promise<Running> | undefined;

/** Starts PostgreSQL in a temporary folder the first time it is asked for. The global teardown of `hooks.ts` stops it. */
export async function sharedPostgres(): Promise<SharedPostgres> {
  const connection = inheritedConnection() ?? (await (running ??= start())).postgres.connection;
  return {
    connection,
    url: connectionUrl(connection),
    createDatabase: (name) => createDatabase(connection, name ?? `test_${randomBytes(6).toString('hex')}`),
  };
}

/** Starts the server for processes that this one starts. */
export async function shareWithWorkers(): Promise<void> {
  process.env[sharedConnection] = JSON.stringify((await sharedPostgres()).connection);
}

/** Stops the shared PostgreSQL, if it was started, and removes its folder. */
export async function stopSharedPostgres(): Promise<void> {
  if (running === undefined) return;
  const { dataDir, postgres } = await running;
  running = undefined;
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}

/** The URL of a connection over a Unix socket; the folder is the host, percent-encoded, which pg and MikroORM decode. */
export function connectionUrl({ host, port, user, database }: PostgresConnection): string {
  return `postgresql://${encodeURIComponent(user)}@${encodeURIComponent(host)}:${port}/${encodeURIComponent(database)}`;
}

function inheritedConnection(): PostgresConnection | undefined {
  const text = process.env[sharedConnection];
  return text === undefined ? undefined : JSON.parse(text);
}

async function start(): Promise<Running> {
  const dataDir = await mkdtemp(join(tmpdir(), 'coffer-test-'));
  // The folder of another version's programs, for a run of the tests against that version.
  const folder = process.env['TEST_POSTGRES_PROGRAMS'];
  if (folder !== undefined) return { dataDir, postgres: await startPostgresServer({ binaries: { folder } }) };
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return { dataDir, postgres: await startEmbeddedPostgres({ dataDir, log: quiet }) };
}

async function createDatabase(connection: PostgresConnection, database: string): Promise<TestDatabase> {
  const session = new Client(connection);
  await session.connect();
  try {
    await session.query(`create database ${session.escapeIdentifier(database)}`);
  } finally {
    await session.end();
  }
  const created = { ...connection, database };
  return { connection: created, url: connectionUrl(created) };
}
