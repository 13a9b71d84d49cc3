import type { ClientConfig } from 'pg';
import { parseDatabaseUrl, type DatabaseServers } from './database-servers.ts';
import { connectWithinMs, keepAliveAfterMs } from './time-limits.ts';
import { neverEncrypted } from './tls-wish.ts';

/** Where the database is: fields, such as those of a Unix socket (`host` is its folder), or a `postgres://` URL. */
export type DatabaseConnection =
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string }
  | { readonly url: string };

/** Where the servers are, and how sessions begin there. */
export function serversOf(connection: DatabaseConnection): DatabaseServers {
  if ('url' in connection) return parseDatabaseUrl(connection.url);
  const { host, port, user, database } = connection;
  return {
    hosts: [{ host, port }],
    user,
    password: undefined,
    database,
    target: 'any',
    tls: neverEncrypted,
    startup: {},
  };
}

/** The settings of pg for a connection but for its host, with a bound on the time that connecting may take. */
export function clientConfigOf(connection: DatabaseConnection): ClientConfig {
  const { database, password, startup, user } = serversOf(connection);
  return {
    user,
    database,
    ...(password !== undefined && { password }),
    application_name: 'coffer',
    connectionTimeoutMillis: connectWithinMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    ...startup,
  };
}

/** The name of the database that a connection leads to. */
export function databaseNameOf(connection: DatabaseConnection): string {
  return serversOf(connection).database;
}
