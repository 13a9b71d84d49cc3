import { isFetchable } from './access/oidc/issuer-documents.ts';
import { isAbsolute } from 'node:path';
import { compileTrustedProxies } from './gateway/port/trusted-proxies.ts';
import { findForeignVariables } from './start/foreign-variables.ts';
import { faultOfDatabaseUrl } from './store/connection/database-url.ts';

/** Where Coffer's data are kept: in a PostgreSQL of its own, or on a server. */
export type DatabaseConfig = { readonly kind: 'embedded' } | { readonly kind: 'server'; readonly url: string };

/** How the master key is had; `file` is `<data>/master.key`, made on the very first start. */
export type MasterKeyConfig =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'file' };

/** Paths of PEM files. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Where set, clients must show a certificate that it signed. */
  readonly clientCaFile: string | null;
}

/** Whose access tokens are believed, and what their claims are called. */
export interface OidcConfig {
  /** As its tokens' `iss` says it. */
  readonly issuer: string;
  /** What its tokens' `aud` must name. */
  readonly audience: string;
  readonly workspaceClaim: string;
  readonly roleClaim: string;
}

/** Where probes and scrapers may ask, beside the one port. */
export interface ManagementConfig {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** Everything that the environment decides. @see docs/configuration.md */
export interface Config {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly dataDir: string;
  readonly database: DatabaseConfig;
  /** The most sessions of the process at the database. */
  readonly databasePoolMax: number;
  /** Of these, those that are left to calls. */
  readonly databaseCallsMax: number;
  /** How long a start waits for a database that is not there yet. */
  readonly databaseWaitMs: number;
  /** The database as the owner of its tables sees it, for the command migrate; null where that is the server's own user. */
  readonly migrateDatabaseUrl: string | null;
  readonly masterKey: MasterKeyConfig;
  /** The first owner's key; null has one made, or is an error where the database is a server and has no owner. */
  readonly adminApiKey: string | null;
  readonly tls: TlsConfig | null;
  readonly oidc: OidcConfig | null;
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  /** Calls a second of one key or user; 0 is without a limit. */
  readonly rateLimitPerKey: number;
  /** Calls a second from one address; 0 is without a limit. */
  readonly rateLimitPerAddress: number;
  /** Connections of one address, and calls in flight of one behind trusted proxies; 0 is without a limit. */
  readonly connectionsPerAddress: number;
  /** With it, metrics may be read by those that are not owners. */
  readonly metricsToken: string | null;
  /** Where health and metrics are served apart, in clear; null is nowhere. */
  readonly management: ManagementConfig | null;
  readonly logLevel: LogLevel;
  /** How long readiness is denied before the port is closed. */
  readonly drainMs: number;
  readonly shutdownTimeoutMs: number;
  readonly secretBytesMax: number;
  /** Paths of the files that hold keys and passwords. */
  readonly keyFiles: readonly string[];
  /** Variables that look like settings and are not, such as those that Kubernetes injects; they have no effect. */
  readonly foreignVariables: readonly string[];
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Every problem of an environment at once. The messages name variables, never their values. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length} problem(s):\n${problems.map((text) => `  - ${text}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** The environment's variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The names of all settings, each of which may also be given as `<NAME>_FILE`. */
export const settingNames = [
  'COFFER_HOST',
  'COFFER_PORT',
  'COFFER_DATA_DIR',
  'COFFER_DATABASE_URL',
  'COFFER_DATABASE_POOL_MAX',
  'COFFER_DATABASE_WAIT_MS',
  'COFFER_MIGRATE_DATABASE_URL',
  'COFFER_MASTER_PASSWORD',
  'COFFER_MASTER_KEY',
  'COFFER_ADMIN_API_KEY',
  'COFFER_TLS_CERT',
  'COFFER_TLS_KEY',
  'COFFER_TLS_CLIENT_CA',
  'COFFER_OIDC_ISSUER',
  'COFFER_OIDC_AUDIENCE',
  'COFFER_OIDC_WORKSPACE_CLAIM',
  'COFFER_OIDC_ROLE_CLAIM',
  'COFFER_CORS_ORIGINS',
  'COFFER_TRUSTED_PROXIES',
  'COFFER_RATE_LIMIT_PER_KEY',
  'COFFER_RATE_LIMIT_PER_ADDRESS',
  'COFFER_CONNECTIONS_PER_ADDRESS',
  'COFFER_METRICS_TOKEN',
  'COFFER_MANAGEMENT_HOST',
  'COFFER_MANAGEMENT_PORT',
  'COFFER_LOG_LEVEL',
  'COFFER_DRAIN_MS',
  'COFFER_SHUTDOWN_TIMEOUT_MS',
  'COFFER_SECRET_BYTES_MAX',
] as const;

type Name = (typeof settingNames)[number];

/** Whose values are secrets, or hold one. */
const secretNames: readonly Name[] = [
  'COFFER_DATABASE_URL',
  'COFFER_MIGRATE_DATABASE_URL',
  'COFFER_MASTER_PASSWORD',
  'COFFER_MASTER_KEY',
  'COFFER_ADMIN_API_KEY',
  'COFFER_METRICS_TOKEN',
];

const portRange = { from: 0, to: 65_535 } as const;
const rateLimitRange = { from: 0, to: 1_000_000, otherwise: 0 } as const;
/** By default a quarter of the connections that the port takes. */
const connectionsRange = { from: 0, to: 1_000_000, otherwise: 250 } as const;
const masterPasswordCharactersMin = 12;
const masterKeyPattern = /^[A-Za-z0-9+/]{43}=$/;
const metricsTokenPattern = /^[\x21-\x7e]{12,512}$/;
const apiKeyPattern = /^cof_[A-Za-z0-9_-]{43}$/;

/**
 * Reads the configuration. A value may be given as `<NAME>_FILE`, the path of a file that holds it; one trailing newline
 * is dropped.
 *
 * @param readFile answers a file's text, or throws
 * @throws ConfigError with every problem, among them variables named `COFFER_…` that it does not know
 */
export function parseConfig(environment: Environment, readFile: (path: string) => string): Config {
  const reader = new Reader(environment, readFile);
  const tls = parseTls(reader);
  const config: Config = {
    host: reader.host('COFFER_HOST'),
    port: reader.integer('COFFER_PORT', { ...portRange, otherwise: 3978 }),
    dataDir: reader.folder('COFFER_DATA_DIR') ?? './data',
    database: parseDatabase(reader),
    ...parseDatabaseSessions(reader),
    databaseWaitMs: reader.integer('COFFER_DATABASE_WAIT_MS', { from: 0, to: 3_600_000, otherwise: 30_000 }),
    migrateDatabaseUrl: reader.databaseUrl('COFFER_MIGRATE_DATABASE_URL'),
    masterKey: parseMasterKey(reader),
    adminApiKey: reader.matching('COFFER_ADMIN_API_KEY', apiKeyPattern, 'must be cof_ and 43 base64url characters'),
    tls,
    oidc: parseOidc(reader),
    corsOrigins: parseOrigins(reader),
    trustedProxies: parseTrustedProxies(reader),
    rateLimitPerKey: reader.integer('COFFER_RATE_LIMIT_PER_KEY', rateLimitRange),
    rateLimitPerAddress: reader.integer('COFFER_RATE_LIMIT_PER_ADDRESS', rateLimitRange),
    connectionsPerAddress: reader.integer('COFFER_CONNECTIONS_PER_ADDRESS', connectionsRange),
    metricsToken: reader.matching(
      'COFFER_METRICS_TOKEN',
      metricsTokenPattern,
      'must have 12 to 512 characters of ASCII without spaces',
    ),
    management: parseManagement(reader),
    logLevel: parseLogLevel(reader),
    drainMs: reader.integer('COFFER_DRAIN_MS', { from: 0, to: 600_000, otherwise: 0 }),
    shutdownTimeoutMs: reader.integer('COFFER_SHUTDOWN_TIMEOUT_MS', { from: 0, to: 600_000, otherwise: 10_000 }),
    secretBytesMax: reader.integer('COFFER_SECRET_BYTES_MAX', { from: 64, to: 524_288, otherwise: 65_536 }),
    keyFiles: [...reader.secretFiles(), ...(tls ? [tls.keyFile] : [])],
    foreignVariables: reader.foreignVariables,
  };
  reader.finish();
  return config;
}

/** URLs write an IPv6 address in brackets; sockets take it without. */
function withoutBrackets(host: string): string {
  return /^\[(.*)\]$/.exec(host)?.[1] ?? host;
}

const hostPattern = /^[\w.:%-]{1,255}$/;
const pathBytesMax = 4_096;

/** What is none may be a key or a certificate, given where its path is wanted. */
function isPath(text: string): boolean {
  return Buffer.byteLength(text) < pathBytesMax && !/[\p{Cc}\ufffd]|-----BEGIN /u.test(text);
}

function parseDatabase(reader: Reader): DatabaseConfig {
  const url = reader.databaseUrl('COFFER_DATABASE_URL');
  return url === null ? { kind: 'embedded' } : { kind: 'server', url };
}

/**
 * Sessions that calls do not use: LISTEN, readiness and cancelling take one each, and the lock of an embedded PostgreSQL's data
 * directory another.
 */
const sessionsBesideCalls = { server: 3, embedded: 4 } as const;
/** One reads the trail for as long as a verification takes, while keys are loaded on another. */
const callSessionsMin = 2;

function parseDatabaseSessions(reader: Reader): Pick<Config, 'databasePoolMax' | 'databaseCallsMax'> {
  const beside = sessionsBesideCalls[reader.text('COFFER_DATABASE_URL') === undefined ? 'embedded' : 'server'];
  const range = { from: beside + callSessionsMin, to: 1_000, otherwise: 16 };
  const because = `of all sessions, ${beside} are not for calls, which need ${callSessionsMin}`;
  const databasePoolMax = reader.integer('COFFER_DATABASE_POOL_MAX', range, because);
  return { databasePoolMax, databaseCallsMax: databasePoolMax - beside };
}

function parseMasterKey(reader: Reader): MasterKeyConfig {
  const password = reader.text('COFFER_MASTER_PASSWORD');
  const key = reader.matching('COFFER_MASTER_KEY', masterKeyPattern, 'must be 32 bytes in base64');
  if (password !== undefined && key !== null) {
    reader.problem('COFFER_MASTER_PASSWORD and COFFER_MASTER_KEY exclude one another');
  }
  if (password !== undefined && password.length < masterPasswordCharactersMin) {
    reader.problem(`COFFER_MASTER_PASSWORD must have at least ${masterPasswordCharactersMin} characters`);
  }
  if (password !== undefined) return { kind: 'password', password };
  if (key !== null) return { kind: 'key', key };
  if (reader.text('COFFER_DATABASE_URL') !== undefined) {
    reader.problem('COFFER_DATABASE_URL needs COFFER_MASTER_PASSWORD or COFFER_MASTER_KEY beside it');
  }
  return { kind: 'file' };
}

function parseTls(reader: Reader): TlsConfig | null {
  const certFile = reader.pemFile('COFFER_TLS_CERT');
  const keyFile = reader.pemFile('COFFER_TLS_KEY');
  const clientCaFile = reader.pemFile('COFFER_TLS_CLIENT_CA') ?? null;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile, clientCaFile };
  if (certFile !== undefined || keyFile !== undefined || clientCaFile !== null) {
    reader.problem('TLS needs both COFFER_TLS_CERT and COFFER_TLS_KEY');
  }
  return null;
}

function parseOidc(reader: Reader): OidcConfig | null {
  const issuer = reader.text('COFFER_OIDC_ISSUER');
  const audience = reader.text('COFFER_OIDC_AUDIENCE');
  const workspaceClaim = reader.text('COFFER_OIDC_WORKSPACE_CLAIM');
  const roleClaim = reader.text('COFFER_OIDC_ROLE_CLAIM');
  if (issuer !== undefined && !(isFetchable(issuer) && !/[?#]/.test(issuer))) {
    reader.problem('COFFER_OIDC_ISSUER must be an https URL without a query, or an http one of this machine');
  }
  if (issuer !== undefined && audience !== undefined) {
    return {
      issuer,
      audience,
      workspaceClaim: workspaceClaim ?? 'coffer_workspace',
      roleClaim: roleClaim ?? 'coffer_role',
    };
  }
  if ([issuer, audience, workspaceClaim, roleClaim].some((text) => text !== undefined)) {
    reader.problem('tokens of an issuer need both COFFER_OIDC_ISSUER and COFFER_OIDC_AUDIENCE');
  }
  return null;
}

function parseManagement(reader: Reader): ManagementConfig | null {
  const port = reader.integer('COFFER_MANAGEMENT_PORT', { ...portRange, otherwise: 0 });
  if (reader.text('COFFER_MANAGEMENT_PORT') === undefined) return null;
  return { host: reader.host('COFFER_MANAGEMENT_HOST'), port };
}

function parseOrigins(reader: Reader): readonly string[] {
  const origins = reader.list('COFFER_CORS_ORIGINS');
  if (!origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)) {
    reader.problem('COFFER_CORS_ORIGINS must list origins such as https://console.example.com, without a path');
  }
  return origins;
}

function parseTrustedProxies(reader: Reader): readonly string[] {
  const proxies = reader.list('COFFER_TRUSTED_PROXIES');
  if (!compileTrustedProxies(proxies)) {
    reader.problem('COFFER_TRUSTED_PROXIES must list addresses or networks such as 10.0.0.0/8');
  }
  return proxies;
}

function parseLogLevel(reader: Reader): LogLevel {
  const text = reader.text('COFFER_LOG_LEVEL') ?? 'info';
  const level = logLevels.find((candidate) => candidate === text);
  if (!level) reader.problem(`COFFER_LOG_LEVEL must be one of ${logLevels.join(', ')}`);
  return level ?? 'info';
}

/** Reads single variables, and gathers what is wrong with them. */
class Reader {
  readonly #environment: Environment;
  readonly #readFile: (path: string) => string;
  readonly #problems: string[] = [];
  readonly #texts = new Map<Name, string | undefined>();
  readonly foreignVariables: readonly string[];

  constructor(environment: Environment, readFile: (path: string) => string) {
    this.foreignVariables = findForeignVariables(environment);
    const own = Object.entries(environment).filter(([name]) => !this.foreignVariables.includes(name));
    this.#environment = Object.fromEntries(own);
    this.#readFile = readFile;
    for (const name of settingNames) this.#texts.set(name, this.#read(name));
    const known = new Set<string>(settingNames.flatMap((name) => [name, `${name}_FILE`]));
    for (const [name] of own) {
      if (name.startsWith('COFFER_') && !known.has(name)) this.problem(`${name} is not a variable that Coffer knows`);
    }
  }

  problem(text: string): void {
    this.#problems.push(text);
  }

  finish(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }

  /** An empty value counts as none, as in most shells' way of unsetting. */
  text(name: Name): string | undefined {
    return this.#texts.get(name);
  }

  /** The files that secrets were read from. */
  secretFiles(): readonly string[] {
    return secretNames.flatMap((name) => this.#environment[`${name}_FILE`] || []);
  }

  matching(name: Name, pattern: RegExp, rule: string): string | null {
    const text = this.text(name);
    if (text !== undefined && !pattern.test(text)) this.problem(`${name} ${rule}`);
    return text ?? null;
  }

  integer(name: Name, range: { from: number; to: number; otherwise: number }, because?: string): number {
    const text = this.text(name);
    if (text === undefined) return range.otherwise;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= range.from && value <= range.to) return value;
    this.problem(`${name} must be a whole number from ${range.from} to ${range.to}${because ? `: ${because}` : ''}`);
    return range.otherwise;
  }

  databaseUrl(name: Name): string | null {
    const text = this.text(name);
    const fault = text === undefined ? undefined : faultOfDatabaseUrl(text);
    if (fault !== undefined) this.problem(`${name} ${fault}`);
    return text ?? null;
  }

  host(name: Name): string {
    const host = withoutBrackets(this.text(name) ?? '127.0.0.1');
    if (!hostPattern.test(host)) this.problem(`${name} must be an address or the name of a host`);
    return host;
  }

  /** Errors show the path, and so must not show what a file holds that is none. */
  folder(name: Name): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!isPath(text)) this.problem(`${name} must be the path of a folder`);
    else if (this.#fileOf(name) !== undefined && !isAbsolute(text)) {
      this.problem(`${name}_FILE must be the path of a file that holds an absolute path`);
    }
    return text;
  }

  /**
   * The path of a PEM file. With `_FILE`, the file may be the PEM file itself, which is then watched for changes like any
   * other, or hold its path.
   */
  pemFile(name: Name): string | undefined {
    const text = this.text(name);
    const file = this.#fileOf(name);
    if (text === undefined) return undefined;
    if (file !== undefined && text.includes('-----BEGIN ')) return file;
    if (!isPath(text)) this.problem(`${name} must be the path of a PEM file`);
    else if (file !== undefined && !this.#isReadable(text)) {
      this.problem(`${name}_FILE must be the path of a PEM file, or of a file that holds such a path`);
    }
    return text;
  }

  list(name: Name): readonly string[] {
    const parts = (this.text(name) ?? '').split(',').map((part) => part.trim());
    return parts.filter((part) => part !== '');
  }

  #fileOf(name: Name): string | undefined {
    return this.#environment[`${name}_FILE`] || undefined;
  }

  #isReadable(path: string): boolean {
    try {
      this.#readFile(path);
      return true;
    } catch {
      return false;
    }
  }

  #read(name: Name): string | undefined {
    const value = this.#environment[name] || undefined;
    const path = this.#fileOf(name);
    if (path === undefined) return value;
    if (value !== undefined) this.problem(`${name} and ${name}_FILE exclude one another`);
    try {
      return this.#readFile(path).replace(/\r?\n$/, '') || undefined;
    } catch {
      this.problem(`${name}_FILE names a file that can not be read`);
      return undefined;
    }
  }
}
