import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type ConnectionOptions, createSecureContext } from 'node:tls';

/** How the server is authenticated: not at all, by its authority, or by its authority and its name. */
export type TlsVerification = 'none' | 'authority' | 'full';

/** The encryption of database sessions, as its URL requires. */
export interface TlsSettings {
  /** The order of trying encrypted and plain sessions. Sessions over a Unix socket are never encrypted. */
  readonly order: readonly ('tls' | 'plain')[];
  readonly verification: TlsVerification;
  /** The path of a PEM file, as the next two. Without one, the public authorities of Node are used. */
  readonly authorityFile: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** The settings of a Unix socket. */
export const neverEncrypted: TlsSettings = {
  order: ['plain'],
  verification: 'none',
  authorityFile: undefined,
  certificateFile: undefined,
  keyFile: undefined,
};

type Mode = Pick<TlsSettings, 'order' | 'verification'>;

/** The modes of libpq, and `no-verify` of pg. @see https://www.postgresql.org/docs/18/libpq-ssl.html */
const modes: Readonly<Record<string, Mode>> = {
  disable: { order: ['plain'], verification: 'none' },
  allow: { order: ['plain', 'tls'], verification: 'none' },
  prefer: { order: ['tls', 'plain'], verification: 'none' },
  require: { order: ['tls'], verification: 'none' },
  'no-verify': { order: ['tls'], verification: 'none' },
  'verify-ca': { order: ['tls'], verification: 'authority' },
  'verify-full': { order: ['tls'], verification: 'full' },
};
/** The values of the parameter `ssl` of pg and JDBC. */
const modesOfSsl: Readonly<Record<string, string>> = {
  true: 'verify-full',
  1: 'verify-full',
  false: 'disable',
  0: 'disable',
  'no-verify': 'no-verify',
};
const known = new Set(['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey']);
/** Parameters that affect security: unsupported ones are an error instead of being ignored. */
const aboutSecurity = /^(ssl|tls|require|min_protocol|max_protocol)/;
const systemAuthorities = 'system';

/**
 * Parses `sslmode` and its files.
 *
 * @param problem creates the error to be thrown
 */
export function parseTlsSettings(
  parameters: ReadonlyMap<string, string>,
  problem: (text: string) => Error,
): TlsSettings {
  if ([...parameters.keys()].some((name) => aboutSecurity.test(name) && !known.has(name))) {
    throw problem(`has a parameter of TLS that is not supported; those that are: ${[...known].join(', ')}`);
  }
  const ssl = parameters.get('ssl');
  const name = parameters.get('sslmode') ?? (ssl === undefined ? 'prefer' : (modesOfSsl[ssl] ?? ssl));
  const mode = Object.hasOwn(modes, name) ? modes[name] : undefined;
  if (!mode) throw problem(`must have an sslmode of ${Object.keys(modes).join(', ')}`);
  const authority = parameters.get('sslrootcert') || undefined;
  if (name === 'verify-ca' && authority === undefined) {
    throw problem('needs sslrootcert for sslmode=verify-ca: any public authority gives certificates to anybody');
  }
  if (authority === systemAuthorities && mode.verification !== 'full') {
    throw problem('needs sslmode=verify-full for sslrootcert=system');
  }
  const files = {
    certificateFile: parameters.get('sslcert') || undefined,
    keyFile: parameters.get('sslkey') || undefined,
  };
  if ((files.certificateFile === undefined) !== (files.keyFile === undefined)) {
    throw problem('needs both sslcert and sslkey');
  }
  return { ...mode, ...files, ...authorityOf(name, mode, authority) };
}

/** As in libpq, a given file of authorities is always used. */
function authorityOf(name: string, { verification }: Mode, file: string | undefined) {
  const isFile = file !== undefined && file !== systemAuthorities;
  const isRaised = isFile && verification === 'none' && name !== 'no-verify';
  return { authorityFile: isFile ? file : undefined, verification: isRaised ? ('authority' as const) : verification };
}

/** A database session could not be encrypted as its URL requires. */
export class DatabaseTlsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseTlsError';
  }
}

const wrongAuthority = 'has a certificate of an authority that is not trusted: give its authority as sslrootcert';
const refusedCertificate = 'does not accept the client certificate, or wants one: see sslcert and sslkey';

/** The problems by the codes of Node and OpenSSL. @see https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const faults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  CERT_NOT_YET_VALID: 'has a certificate that is not valid yet: are the clocks right?',
  CERT_REVOKED: 'has a certificate that was revoked',
  CERT_SIGNATURE_FAILURE: wrongAuthority,
  CERT_UNTRUSTED: wrongAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: wrongAuthority,
  INVALID_CA: wrongAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: wrongAuthority,
  UNABLE_TO_GET_ISSUER_CERT: wrongAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: wrongAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: wrongAuthority,
  ERR_TLS_CERT_ALTNAME_INVALID:
    'has a certificate for another name: connect by a name that is in it, or use sslmode=verify-ca',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: refusedCertificate,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: refusedCertificate,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: refusedCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: refusedCertificate,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: refusedCertificate,
};
const anyTlsCode = /^(ERR_SSL_|ERR_TLS_|EPROTO$)/;
/** pg identifies these only by their message. */
const withoutTls = /^The server does not support SSL connections$/;
const noPostgres = /^There was an error establishing an SSL connection$/;

/** Whether a server does not support encryption. */
export function refusesTls(error: unknown): boolean {
  return error instanceof Error && withoutTls.test(error.message);
}

/** Describes an error of TLS in one sentence for an operator; returns any other error unchanged. */
export function explainTls(error: unknown, { host, port }: { readonly host: string; readonly port: number }): unknown {
  const fault = error instanceof Error ? faultOf(error) : undefined;
  return fault === undefined
    ? error
    : new DatabaseTlsError(`the database at ${host}:${port} ${fault}`, { cause: error });
}

function faultOf(error: Error): string | undefined {
  if (withoutTls.test(error.message)) return 'offers no TLS, which its URL demands by sslmode';
  if (noPostgres.test(error.message)) return 'does not answer as PostgreSQL does when it is asked for TLS';
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code !== 'string') return undefined;
  return faults[code] ?? (anyTlsCode.test(code) ? `does not agree on TLS (${code})` : undefined);
}

/**
 * The TLS options of a session. The files are read each time, so that renewed ones take effect.
 *
 * @throws DatabaseTlsError for a file that cannot be read or used
 */
export async function tlsOptionsOf(settings: TlsSettings): Promise<ConnectionOptions> {
  const { authorityFile, certificateFile, keyFile, verification } = settings;
  const [ca, cert, key] = await Promise.all([
    readPem('sslrootcert', authorityFile),
    readPem('sslcert', certificateFile),
    readPem('sslkey', keyFile),
  ]);
  if (ca !== undefined) requireUsable('sslrootcert', 'contains no certificate in PEM', () => new X509Certificate(ca));
  const identity = { ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
  requireUsable('sslcert', 'and sslkey are no certificate with its private key in PEM', () =>
    createSecureContext(identity),
  );
  return {
    ...identity,
    ...(ca !== undefined && { ca }),
    rejectUnauthorized: verification !== 'none',
    ...(verification === 'authority' && { checkServerIdentity: () => undefined }),
  };
}

async function readPem(parameter: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
    throw new DatabaseTlsError(`${parameter} in the database URL names no file that can be read (${String(code)})`, {
      cause,
    });
  }
}

function requireUsable(parameter: string, problem: string, use: () => unknown): void {
  try {
    use();
  } catch (cause) {
    throw new DatabaseTlsError(`${parameter} in the database URL ${problem}`, { cause });
  }
}
