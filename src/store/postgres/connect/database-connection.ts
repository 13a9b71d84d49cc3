import type { ClientConfig } from 'pg';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type DatabaseServers, DatabaseUrlFault, parseDatabaseUrl } from './database-servers.ts';
import { connectWithinMs, keepAliveAfterMs } from './time-limits.ts';
import { neverEncrypted } from './tls-options.ts';

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

/** A database URL that names a file which can't be used. It quotes nothing of the URL. */
export class DatabaseUrlError extends Error {
  constructor(problem: string) {
    super(`COFFER_DATABASE_URL: ${problem}`);
    this.name = 'DatabaseUrlError';
  }
}

const schemePattern = /^postgres(?:ql)?:\/\//;
const hostPattern = /^(?:\[[0-9a-f:.%]+\]|[^\s:[\]]*)(?::\d{1,5})?$/i;
const unencoded = 'must have # / ? @ : % in its user and password percent-encoded, such as # as %23';

/**
 * Says what is wrong with a database URL, for the name of its setting to stand before, and quotes nothing of it: where a
 * password is not percent-encoded, parts of it would pass for the host or the database, and be shown by later errors.
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
  // These two may hold an address of mail, as some hosts of databases want.
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

/** Where the database is, such as `db.example:5432`; several hosts are separated by commas. Nothing else of the URL is told. */
export function databasePlaceOf(url: string): string {
  const [, authority = '', query = ''] = /^\w+:\/\/([^/?]*)[^?]*\??(.*)$/.exec(url) ?? [];
  const hosts = authority.slice(authority.lastIndexOf('@') + 1);
  return new URLSearchParams(query).get('host') || decodeURIComponent(hosts) || 'localhost';
}

/** pg encodes a percent sign that begins no escape. */
function isDecodable(text: string): boolean {
  if (/%(?![0-9a-f]{2})/i.test(text)) return true;
  try {
    return decodeURIComponent(text).length >= 0;
  } catch {
    return false;
  }
}

/**
 * Looks at the files that a database URL names, which are read as sessions begin.
 *
 * @throws DatabaseUrlError where one can't be read, and where that of the authorities holds none
 */
export async function checkDatabaseFiles(url: string): Promise<void> {
  const parameters = new URLSearchParams(url.split('?', 2)[1] ?? '');
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    const path = parameters.get(name);
    if (path === null || path === '') continue;
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) throw new DatabaseUrlError(`the file of ${name} can not be read`);
    if (name === 'sslrootcert' && !holdsCertificate(text)) {
      throw new DatabaseUrlError('the file of sslrootcert must hold certificates of authorities in PEM');
    }
  }
}

function holdsCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}
