import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';

/** All problems of an environment. The messages name variables, never their values. */
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
  'COFFER_MASTER_KEY_COMMAND',
  'COFFER_TRANSIT_URL',
  'COFFER_TRANSIT_KEY',
  'COFFER_TRANSIT_TOKEN',
  'COFFER_TRANSIT_CA',
  'COFFER_SEALED_START',
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
  'COFFER_VERSIONS_MAX',
  'COFFER_VERSION_DAYS_MAX',
  'COFFER_PURGE_DAYS',
  'COFFER_EXPIRY_NOTICE_DAYS',
  'COFFER_USED_WITHIN_DAYS',
] as const;

/** The name of a setting. */
export type SettingName = (typeof settingNames)[number];

/** Settings whose values are or contain secrets. */
const secretNames: readonly SettingName[] = [
  'COFFER_DATABASE_URL',
  'COFFER_MIGRATE_DATABASE_URL',
  'COFFER_MASTER_PASSWORD',
  'COFFER_MASTER_KEY',
  'COFFER_TRANSIT_TOKEN',
  'COFFER_ADMIN_API_KEY',
  'COFFER_METRICS_TOKEN',
];

const hostPattern = /^[\w.:%-]{1,255}$/;
const pathBytesMax = 4_096;

/** Anything else may be a key or a certificate that was given instead of its path. */
function isPath(text: string): boolean {
  return Buffer.byteLength(text) < pathBytesMax && !/[\p{Cc}\ufffd]|-----BEGIN /u.test(text);
}

/** URLs have an IPv6 address in brackets; sockets take it without. */
function withoutBrackets(host: string): string {
  return /^\[(.*)\]$/.exec(host)?.[1] ?? host;
}

/** Reads single settings, and collects their problems, which never quote a value. */
export class SettingReader {
  readonly #environment: Environment;
  readonly #readFile: (path: string) => string;
  readonly #problems: string[] = [];
  readonly #texts = new Map<SettingName, string | undefined>();
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

  /** An empty value counts as unset. */
  text(name: SettingName): string | undefined {
    return this.#texts.get(name);
  }

  /** The files that secrets were read from. */
  secretFiles(): readonly string[] {
    return secretNames.flatMap((name) => this.#environment[`${name}_FILE`] || []);
  }

  matching(name: SettingName, pattern: RegExp, rule: string): string | null {
    const text = this.text(name);
    if (text !== undefined && !pattern.test(text)) this.problem(`${name} ${rule}`);
    return text ?? null;
  }

  /** `true` or `false`, the default. */
  flag(name: SettingName): boolean {
    const text = this.text(name) ?? 'false';
    if (text !== 'true' && text !== 'false') this.problem(`${name} must be true or false`);
    return text === 'true';
  }

  integer(name: SettingName, range: { from: number; to: number; otherwise: number }, because?: string): number {
    const text = this.text(name);
    if (text === undefined) return range.otherwise;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= range.from && value <= range.to) return value;
    this.problem(`${name} must be a whole number from ${range.from} to ${range.to}${because ? `: ${because}` : ''}`);
    return range.otherwise;
  }

  /** Different whole numbers, the greatest first; empty for `none`. */
  integers(name: SettingName, range: { from: number; to: number; most: number; otherwise: string }): readonly number[] {
    const text = this.text(name) ?? range.otherwise;
    if (text === 'none') return [];
    const parts = text.split(',').map((part) => part.trim());
    const values = parts.map((part) => (/^\d{1,9}$/.test(part) ? Number(part) : Number.NaN));
    const isValid = values.every((value) => value >= range.from && value <= range.to) && values.length <= range.most;
    if (isValid) return [...new Set(values)].toSorted((one, other) => other - one);
    this.problem(
      `${name} must be at most ${range.most} whole numbers from ${range.from} to ${range.to}, separated by commas, or none`,
    );
    return [];
  }

  host(name: SettingName): string {
    const host = withoutBrackets(this.text(name) ?? '127.0.0.1');
    if (!hostPattern.test(host)) this.problem(`${name} must be an address or the name of a host`);
    return host;
  }

  /** Later errors show the path, so it must not be the content of a wrong file. */
  folder(name: SettingName): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!isPath(text)) this.problem(`${name} must be the path of a folder`);
    else if (this.fileOf(name) !== null && !isAbsolute(text)) {
      this.problem(`${name}_FILE must be the path of a file that holds an absolute path`);
    }
    return text;
  }

  /**
   * The path of a PEM file. With `_FILE`, the file may be the PEM file itself, which is then watched for changes, or contain
   * its path.
   */
  pemFile(name: SettingName): string | undefined {
    const text = this.text(name);
    const file = this.fileOf(name);
    if (text === undefined) return undefined;
    if (file !== null && text.includes('-----BEGIN ')) return file;
    if (!isPath(text)) this.problem(`${name} must be the path of a PEM file`);
    else if (file !== null && !this.#isReadable(text)) {
      this.problem(`${name}_FILE must be the path of a PEM file, or of a file that holds such a path`);
    }
    return text;
  }

  list(name: SettingName): readonly string[] {
    const parts = (this.text(name) ?? '').split(',').map((part) => part.trim());
    return parts.filter((part) => part !== '');
  }

  /** The file that gives the value of a setting, if one does. */
  fileOf(name: SettingName): string | null {
    return this.#environment[`${name}_FILE`] || null;
  }

  #isReadable(path: string): boolean {
    try {
      this.#readFile(path);
      return true;
    } catch {
      return false;
    }
  }

  #read(name: SettingName): string | undefined {
    const value = this.#environment[name] || undefined;
    const path = this.fileOf(name);
    if (path === null) return value;
    if (value !== undefined) this.problem(`${name} and ${name}_FILE exclude one another`);
    try {
      return this.#readFile(path).replace(/\r?\n$/, '') || undefined;
    } catch {
      this.problem(`${name}_FILE names a file that can not be read`);
      return undefined;
    }
  }
}

/** Settings of Coffer's clients, which may share the environment of a server. */
const clientNames = new Set(
  ['COFFER_URL', 'COFFER_TOKEN', 'COFFER_WORKSPACE'].flatMap((name) => [name, `${name}_FILE`]),
);

/**
 * Finds the variables named `COFFER_…` that are not for the server: those of a client, and those that Kubernetes injects for a
 * Service named `coffer` or `coffer-…`. A variable with the name of a setting is one of the latter only with a value that
 * Kubernetes gives it, such as `COFFER_PORT=tcp://10.0.0.11:3978`.
 *
 * @see https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
 */
export function findForeignVariables(environment: Environment): readonly string[] {
  const names = Object.keys(environment);
  const services = names.flatMap((name) => (environment[name] && /^(COFFER.*)_SERVICE_HOST$/.exec(name)?.[1]) || []);
  const isInjected = (name: string): boolean =>
    services.some((service) => isOfService(name.slice(service.length), environment[name], name.startsWith(service)));
  return names.filter((name) => clientNames.has(name) || isInjected(name));
}

function isOfService(rest: string, value: string | undefined, isPrefixed: boolean): boolean {
  if (!isPrefixed) return false;
  if (rest === '_PORT') return isServiceAddress(value ?? '');
  return /^_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/.test(rest);
}

/** An IPv6 address is in brackets. */
function isServiceAddress(value: string): boolean {
  const [, v6 = '', v4 = '', port] = /^tcp:\/\/(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(value) ?? [];
  return (isIP(v6) === 6 || isIP(v4) === 4) && Number(port) >= 1 && Number(port) <= 65_535;
}
