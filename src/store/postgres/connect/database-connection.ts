import type { ClientConfig } from 'pg';
import { type DatabaseServers, DatabaseUrlFault, parseDatabaseUrl } from './database-servers.ts';
import { connectWithinMs, keepAliveAfterMs } from './time-limits.ts';
import { neverEncrypted, tlsOptionsOf } from './tls-options.ts';

/** The location of the database: a host (the folder of a Unix socket, for example) with its port, or a `postgres://` URL. */
export type DatabaseConnection =
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string }
  | { readonly url: string };

/** The servers of a connection, and the settings of their sessions. */
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

/** The settings of pg for a connection without its host, with a limit for the time to connect. */
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

/** The name of the database. */
export function databaseNameOf(connection: DatabaseConnection): string {
  return serversOf(connection).database;
}

const schemePattern = /^postgres(?:ql)?:\/\//;
const hostPattern = /^(?:\[[0-9a-f:.%]+\]|[^\s:[\]]*)(?::\d{1,5})?$/i;
const unencoded = 'must have # / ? @ : % in its user and password percent-encoded, such as # as %23';

/**
 * The problem of a database URL, to be shown after the name of its setting; undefined for a valid URL. It quotes no part of the
 * URL: parts of a password that is not percent-encoded would look like the host or the database.
 *
 * @see https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function faultOfDatabaseUrl(url: string): string | undefined {
  if (!schemePattern.test(url)) return 'must begin with postgres://';
  if (/\p{Cc}/u.test(url)) return 'must be one line';
  const [, authority = '', path = '', query = ''] = /^\w+:\/\/([^/?]*)([^?]*)(.*)$/.exec(url) ?? [];
  const at = authority.lastIndexOf('@');
  const hosts = authority.slice(at + 1).split(',');
  const isWhole = hosts.every((host) => hostPattern.test(host)) && isDecodable(authority.slice(0, Math.max(at, 0)));
  // These two may be an e-mail address, as some database providers require.
  const rest = path + query.replaceAll(/([?&](?:user|password)=)[^&]*/g, '$1');
  return isWhole && !url.includes('#') && !rest.includes('@') ? faultOfParameters(url) : unencoded;
}

function faultOfParameters(url: string): string | undefined {
  try {
    parseDatabaseUrl(url);
    return undefined;
  } catch (error) {
    if (error instanceof DatabaseUrlFault) return error.message;
    throw error;
  }
}

/** The hosts of a database URL, such as `db.example:5432`, separated by commas, without any other part of it. */
export function databasePlaceOf(url: string): string {
  const [, authority = '', query = ''] = /^\w+:\/\/([^/?]*)[^?]*\??(.*)$/.exec(url) ?? [];
  const hosts = authority.slice(authority.lastIndexOf('@') + 1);
  return new URLSearchParams(query).get('host') || decodeURIComponent(hosts) || 'localhost';
}

/** Whether a text can be decoded. pg encodes a percent sign that begins no escape. */
function isDecodable(text: string): boolean {
  if (/%(?![0-9a-f]{2})/i.test(text)) return true;
  try {
    return decodeURIComponent(text).length >= 0;
  } catch {
    return false;
  }
}

/**
 * Checks the files in a database URL, which are read each time a session begins.
 *
 * @throws DatabaseTlsError if one of them cannot be read or used
 */
export async function checkDatabaseFiles(url: string): Promise<void> {
  await tlsOptionsOf(parseDatabaseUrl(url).tls);
}
