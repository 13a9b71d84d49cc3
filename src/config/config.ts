import { parseMasterKey, type MasterKeyConfig } from './master-key-config.ts';
import { SettingReader, type Environment, type SettingName } from './setting-reader.ts';

export type { MasterKeyConfig } from './master-key-config.ts';
export { ConfigError, settingNames, type Environment } from './setting-reader.ts';

/** The database: the embedded PostgreSQL, or an external server. */
export type DatabaseConfig = { readonly kind: 'embedded' } | { readonly kind: 'server'; readonly url: string };

/** Paths of PEM files. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Where it is set, clients must present a certificate that this authority signed. */
  readonly clientCaFile: string | null;
}

/** The issuer whose access tokens are accepted, and the names of their claims. */
export interface OidcConfig {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** An `aud` that its tokens must have. */
  readonly audience: string;
  readonly workspaceClaim: string;
  readonly roleClaim: string;
}

/** The address of the second listener, for probes and metrics. */
export interface ManagementConfig {
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
}

/** How long credentials and their versions are kept, and what is announced before they are not. */
export interface LifecycleConfig {
  /** The number of versions of a secret that are kept. */
  readonly versionsMax: number;
  /** How many days former versions are kept; null if not limited. */
  readonly versionDaysMax: number | null;
  /** How many days after its deletion a credential is purged. */
  readonly purgeDays: number;
  /** How many days before its expiry a credential gets a notice, each once; the greatest first. */
  readonly expiryNoticeDays: readonly number[];
  /** A credential used within so many days is deleted and deactivated by force only; 0 disables the check. */
  readonly usedWithinDays: number;
}

/** All settings. @see docs/configuration.md */
export interface Config {
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
  readonly dataDir: string;
  readonly database: DatabaseConfig;
  /** The maximum number of database sessions of the process. */
  readonly databasePoolMax: number;
  /** The sessions of these that calls may use. */
  readonly databaseCallsMax: number;
  /** How long a start waits for a database that is not reachable yet. */
  readonly databaseWaitMs: number;
  /** The database URL of the tables' owner, for the commands migrate and audit-prune; null where it is the server's user. */
  readonly migrateDatabaseUrl: string | null;
  readonly masterKey: MasterKeyConfig;
  /** Whether the server starts sealed, and no key may be at hand. */
  readonly sealedStart: boolean;
  /** The first owner's key. Where it is null, one is made; with an external database that has no owner, null is an error. */
  readonly adminApiKey: string | null;
  readonly tls: TlsConfig | null;
  readonly oidc: OidcConfig | null;
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  /** Calls per second of one key or user; 0 disables the limit. */
  readonly rateLimitPerKey: number;
  /** Calls per second from one address; 0 disables the limit. */
  readonly rateLimitPerAddress: number;
  /** Connections of one address, or its calls in flight through trusted proxies; 0 disables the limit. */
  readonly connectionsPerAddress: number;
  /** Grants access to the metrics without an owner's key. */
  readonly metricsToken: string | null;
  /** A second listener for health and metrics, without TLS; null disables it. */
  readonly management: ManagementConfig | null;
  readonly logLevel: LogLevel;
  /** How long a stop reports not ready before it closes the port. */
  readonly drainMs: number;
  readonly shutdownTimeoutMs: number;
  readonly secretBytesMax: number;
  readonly lifecycle: LifecycleConfig;
  /** Paths of the files that contain keys and passwords. */
  readonly keyFiles: readonly string[];
  /** Variables named like settings that have no effect, such as those that Kubernetes injects. */
  readonly foreignVariables: readonly string[];
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

const portRange = { from: 0, to: 65_535 } as const;
const rateLimitRange = { from: 0, to: 1_000_000, otherwise: 0 } as const;
/** The default is a quarter of the connections that the port accepts. */
const connectionsRange = { from: 0, to: 1_000_000, otherwise: 250 } as const;
const metricsTokenPattern = /^[\x21-\x7e]{12,512}$/;
const apiKeyPattern = /^cof_[A-Za-z0-9_-]{43}$/;

/** Value formats that other parts of Coffer define. */
export interface SettingFormats {
  /** The problem of a database URL, worded to follow the name of its setting and quoting nothing of the URL; else undefined. */
  readonly findDatabaseUrlProblem: (url: string) => string | undefined;
  readonly isIssuerUrl: (url: string) => boolean;
  readonly isProxyList: (addresses: readonly string[]) => boolean;
}

/** What the settings are parsed with. */
export interface ConfigSources {
  /** Returns the text of a file, or throws. */
  readonly readFile: (path: string) => string;
  readonly formats: SettingFormats;
}

/**
 * Parses the settings. A value may be given as `<NAME>_FILE`, the path of a file with the value; one trailing newline is
 * dropped.
 *
 * @throws ConfigError with every problem, which include unknown variables named `COFFER_…`
 */
export function parseConfig(environment: Environment, { formats, readFile }: ConfigSources): Config {
  const reader = new SettingReader(environment, readFile);
  const tls = parseTls(reader);
  const sealedStart = reader.flag('COFFER_SEALED_START');
  const config: Config = {
    host: reader.host('COFFER_HOST'),
    port: reader.integer('COFFER_PORT', { ...portRange, otherwise: 3978 }),
    dataDir: reader.folder('COFFER_DATA_DIR') ?? './data',
    database: parseDatabase(reader, formats),
    ...parseDatabaseSessions(reader),
    databaseWaitMs: reader.integer('COFFER_DATABASE_WAIT_MS', { from: 0, to: 3_600_000, otherwise: 30_000 }),
    migrateDatabaseUrl: parseDatabaseUrl(reader, 'COFFER_MIGRATE_DATABASE_URL', formats),
    masterKey: parseMasterKey(reader, { sealedStart }),
    sealedStart,
    adminApiKey: reader.matching('COFFER_ADMIN_API_KEY', apiKeyPattern, 'must be cof_ and 43 base64url characters'),
    tls,
    oidc: parseOidc(reader, formats),
    corsOrigins: parseOrigins(reader),
    trustedProxies: parseTrustedProxies(reader, formats),
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
    lifecycle: parseLifecycle(reader),
    keyFiles: [...reader.secretFiles(), ...(tls ? [tls.keyFile] : [])],
    foreignVariables: reader.foreignVariables,
  };
  reader.finish();
  return config;
}

const daysRange = { from: 1, to: 36_500 } as const;
const noDays = 0;

function parseLifecycle(reader: SettingReader): LifecycleConfig {
  const versionDaysMax = reader.integer('COFFER_VERSION_DAYS_MAX', { ...daysRange, otherwise: noDays });
  return {
    versionsMax: reader.integer('COFFER_VERSIONS_MAX', { from: 1, to: 1_000, otherwise: 100 }),
    versionDaysMax: versionDaysMax === noDays ? null : versionDaysMax,
    purgeDays: reader.integer('COFFER_PURGE_DAYS', { ...daysRange, otherwise: 30 }),
    expiryNoticeDays: reader.integers('COFFER_EXPIRY_NOTICE_DAYS', { ...daysRange, most: 10, otherwise: '30,7,1' }),
    usedWithinDays: reader.integer('COFFER_USED_WITHIN_DAYS', { from: 0, to: 36_500, otherwise: 0 }),
  };
}

function parseDatabase(reader: SettingReader, formats: SettingFormats): DatabaseConfig {
  const url = parseDatabaseUrl(reader, 'COFFER_DATABASE_URL', formats);
  return url === null ? { kind: 'embedded' } : { kind: 'server', url };
}

function parseDatabaseUrl(reader: SettingReader, name: SettingName, formats: SettingFormats): string | null {
  const url = reader.text(name);
  const problem = url === undefined ? undefined : formats.findDatabaseUrlProblem(url);
  if (problem !== undefined) reader.problem(`${name} ${problem}`);
  return url ?? null;
}

/** Sessions reserved for LISTEN, readiness and cancelling, and for the lock of an embedded PostgreSQL's data directory. */
const sessionsBesideCalls = { server: 3, embedded: 4 } as const;
/** A verification reads the trail on one for its whole duration, while keys are loaded on another. */
const callSessionsMin = 2;

function parseDatabaseSessions(reader: SettingReader): Pick<Config, 'databasePoolMax' | 'databaseCallsMax'> {
  const beside = sessionsBesideCalls[reader.text('COFFER_DATABASE_URL') === undefined ? 'embedded' : 'server'];
  const range = { from: beside + callSessionsMin, to: 1_000, otherwise: 16 };
  const because = `of all sessions, ${beside} are not for calls, which need ${callSessionsMin}`;
  const databasePoolMax = reader.integer('COFFER_DATABASE_POOL_MAX', range, because);
  return { databasePoolMax, databaseCallsMax: databasePoolMax - beside };
}

function parseTls(reader: SettingReader): TlsConfig | null {
  const certFile = reader.pemFile('COFFER_TLS_CERT');
  const keyFile = reader.pemFile('COFFER_TLS_KEY');
  const clientCaFile = reader.pemFile('COFFER_TLS_CLIENT_CA') ?? null;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile, clientCaFile };
  if (certFile !== undefined || keyFile !== undefined || clientCaFile !== null) {
    reader.problem('TLS needs both COFFER_TLS_CERT and COFFER_TLS_KEY');
  }
  return null;
}

function parseOidc(reader: SettingReader, { isIssuerUrl }: SettingFormats): OidcConfig | null {
  const issuer = reader.text('COFFER_OIDC_ISSUER');
  const audience = reader.text('COFFER_OIDC_AUDIENCE');
  const workspaceClaim = reader.text('COFFER_OIDC_WORKSPACE_CLAIM');
  const roleClaim = reader.text('COFFER_OIDC_ROLE_CLAIM');
  if (issuer !== undefined && !(isIssuerUrl(issuer) && !/[?#]/.test(issuer))) {
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

function parseManagement(reader: SettingReader): ManagementConfig | null {
  const port = reader.integer('COFFER_MANAGEMENT_PORT', { ...portRange, otherwise: 0 });
  if (reader.text('COFFER_MANAGEMENT_PORT') === undefined) return null;
  return { host: reader.host('COFFER_MANAGEMENT_HOST'), port };
}

function parseOrigins(reader: SettingReader): readonly string[] {
  const origins = reader.list('COFFER_CORS_ORIGINS');
  if (!origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)) {
    reader.problem('COFFER_CORS_ORIGINS must list origins such as https://console.example.com, without a path');
  }
  return origins;
}

function parseTrustedProxies(reader: SettingReader, { isProxyList }: SettingFormats): readonly string[] {
  const proxies = reader.list('COFFER_TRUSTED_PROXIES');
  if (!isProxyList(proxies)) {
    reader.problem('COFFER_TRUSTED_PROXIES must list addresses or networks such as 10.0.0.0/8');
  }
  return proxies;
}

function parseLogLevel(reader: SettingReader): LogLevel {
  const text = reader.text('COFFER_LOG_LEVEL') ?? 'info';
  const level = logLevels.find((candidate) => candidate === text);
  if (!level) reader.problem(`COFFER_LOG_LEVEL must be one of ${logLevels.join(', ')}`);
  return level ?? 'info';
}
