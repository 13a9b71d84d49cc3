import { Client, type ClientConfig } from 'pg';
import { connectWithinMs, keepAliveAfterMs } from './time-limits.ts';

/** Where the database is: fields, such as those of a Unix socket (`host` is its folder), or a `postgres://` URL. */
export type DatabaseConnection =
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string }
  | { readonly url: string };

/** The settings of pg for a connection, with a bound on the time that connecting may take. */
export function clientConfigOf(connection: DatabaseConnection): ClientConfig {
  return {
    ...('url' in connection ? { connectionString: connection.url } : connection),
    application_name: 'coffer',
    connectionTimeoutMillis: connectWithinMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
  };
}

/** The name of the database that a connection leads to. pg itself reads the URL, so that the two agree on its spellings. */
export function databaseNameOf(connection: DatabaseConnection): string {
  const name = new Client(clientConfigOf(connection)).database;
  if (!name) throw new Error('the database URL names no database');
  return name;
}
