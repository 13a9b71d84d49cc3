import { userInfo } from 'node:os';
import { parseTlsSettings, type TlsSettings } from './tls-options.ts';

/** The address of a database server. */
export interface DatabaseHost {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
}

const targets = ['any', 'read-write', 'primary'] as const;
/** The servers that may be used: any, those that accept writes, or those that are no standby. */
export type DatabaseTarget = (typeof targets)[number];

/** A parsed database URL. */
export interface DatabaseServers {
  /** At least one, in the order of preference. */
  readonly hosts: readonly DatabaseHost[];
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly target: DatabaseTarget;
  readonly tls: TlsSettings;
  /** Startup parameters of sessions. */
  readonly startup: Readonly<Record<string, string>>;
}

/** A URL that cannot be used. The message names parameters of libpq, and quotes no other part of the URL. */
export class DatabaseUrlFault extends Error {
  constructor(fault: string) {
    super(fault);
    this.name = 'DatabaseUrlFault';
  }
}

const portDefault = '5432';
const startupParameters = new Set(['application_name', 'options']);
const urlPattern = /^postgres(?:ql)?:\/\/(?<authority>[^/?#]*)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/;
const hostPattern = /^(?:\[(?<address>[0-9a-f:.]+(?:%25[\w.]+)?)\]|(?<name>[^:[\]]*))(?::(?<port>\d{0,5}))?$/i;

/**
 * Parses a URL as libpq does, with several hosts, `target_session_attrs`, and `sslmode` with its files. The default of
 * `target_session_attrs` is `any` for one host, and `read-write` for several.
 *
 * @throws DatabaseUrlFault
 * @see https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function parseDatabaseUrl(url: string): DatabaseServers {
  if (!/^postgres(ql)?:\/\//.test(url)) throw new DatabaseUrlFault('must begin with postgres://');
  const parts = urlPattern.exec(url)?.groups;
  if (!parts)
    throw new DatabaseUrlFault(
      'must be postgres://USER:PASSWORD@HOST:PORT/DATABASE, with #, / and ? in the password percent-encoded',
    );
  const parameters = parametersOf(parts['query'] ?? '');
  const authority = parts['authority'] ?? '';
  const at = authority.lastIndexOf('@');
  const [user, ...password] = authority.slice(0, Math.max(at, 0)).split(':');
  const hosts = hostsOf(authority.slice(at + 1), parameters);
  const userName = parameters.get('user') ?? textOf(user) ?? userInfo().username;
  return {
    hosts,
    user: userName,
    password: parameters.get('password') ?? textOf(password.join(':')),
    database: parameters.get('dbname') ?? textOf(parts['path']) ?? userName,
    target: targetOf(parameters.get('target_session_attrs'), hosts.length),
    tls: parseTlsSettings(parameters, (problem) => new DatabaseUrlFault(problem)),
    startup: Object.fromEntries([...parameters].filter(([name]) => startupParameters.has(name))),
  };
}

function parametersOf(query: string): ReadonlyMap<string, string> {
  const pairs = query.split('&').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [decoded(name), decoded(value.join('='))];
    }),
  );
}

/** The parameters `host` and `port` override the host list of the URL. */
function hostsOf(list: string, parameters: ReadonlyMap<string, string>): readonly DatabaseHost[] {
  const parsed = list.split(',').map(parseHost);
  const hosts = parameters.get('host')?.split(',') ?? parsed.map(({ host }) => host);
  const ports = parameters.get('port')?.split(',') ?? parsed.map(({ port }) => port);
  if (ports.length > 1 && ports.length !== hosts.length)
    throw new DatabaseUrlFault('must give one port, or one for each host');
  return hosts.map((host, index) => ({ host: host || 'localhost', port: portOf(ports[index] ?? ports[0]) }));
}

function parseHost(text: string): { readonly host: string; readonly port: string } {
  const groups = hostPattern.exec(text)?.groups;
  if (!groups) throw new DatabaseUrlFault('must list hosts as HOST:PORT, an IPv6 address in brackets');
  return { host: decoded(groups['address'] ?? groups['name'] ?? ''), port: groups['port'] ?? '' };
}

function portOf(text = ''): number {
  const port = Number(text || portDefault);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new DatabaseUrlFault('must give ports from 1 to 65535');
}

function targetOf(text: string | undefined, hostCount: number): DatabaseTarget {
  if (text === undefined) return hostCount > 1 ? 'read-write' : 'any';
  const target = targets.find((candidate) => candidate === text);
  if (target) return target;
  throw new DatabaseUrlFault(
    `must have a target_session_attrs of ${targets.join(', ')}: Coffer writes with every call, which no standby takes`,
  );
}

function textOf(encoded = ''): string | undefined {
  return encoded === '' ? undefined : decoded(encoded);
}

/** A percent sign that begins no escape is literal. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll(/%(?![0-9a-f]{2})/gi, '%25'));
  } catch {
    throw new DatabaseUrlFault('must have percent-encoded UTF-8');
  }
}
