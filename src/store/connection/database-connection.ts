import { Client, type ClientConfig } from 'pg';

/** Where the database is: fields, such as those of a Unix socket (`host` is its folder), or a `postgres://` URL. */
export type DatabaseConnection =
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string }
  | { readonly url: string };

/** How long to wait for a connection before the database counts as unavailable. */
const connectionTimeoutMs = 5_000;

/** The settings of pg for a connection, with a bound on the time that connecting may take. */
export function clientConfigOf(connection: DatabaseConnection): ClientConfig {
  return {
    ...('url' in connection ? { connectionString: connection.url } : connection),
    application_name: 'coffer',
    connectionTimeoutMillis: connectionTimeoutMs,
    keepAlive: true,
  };
}

/** The name of the database that a connection leads to. pg itself reads the URL, so that the two agree on its spellings. */
export function databaseNameOf(connection: DatabaseConnection): string {
  const name = new Client(clientConfigOf(connection)).database;
  if (!name) throw new Error('the database URL names no database');
  return name;
}
