import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type ConnectionOptions } from 'node:tls';
import type { DatabaseHost } from './database-servers.ts';
import type { TlsWish } from './tls-wish.ts';

/** A session at the database could not be encrypted as its URL asks for. */
export class DatabaseTlsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseTlsError';
  }
}

const wrongAuthority = 'has a certificate of an authority that is not trusted: give its authority as sslrootcert';
const refusedCertificate = 'does not accept the client certificate, or wants one: see sslcert and sslkey';

/** What is wrong, by the codes of Node and OpenSSL. @see https://nodejs.org/api/tls.html#x509-certificate-error-codes */
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
/** pg says these in messages alone. */
const withoutTls = /^The server does not support SSL connections$/;
const noPostgres = /^There was an error establishing an SSL connection$/;

/** Whether a server has answered that it does not encrypt. */
export function refusesTls(error: unknown): boolean {
  return error instanceof Error && withoutTls.test(error.message);
}

/** An error of TLS as one sentence for an operator; any other error as it is. */
export function explainTls(error: unknown, { host, port }: DatabaseHost): unknown {
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
 * The settings of TLS for a session. The files are read each time, so that renewed ones are used.
 *
 * @throws DatabaseTlsError for a file that cannot be read or used
 */
export async function tlsOptionsOf(wish: TlsWish): Promise<ConnectionOptions> {
  const { authorityFile, certificateFile, keyFile, verification } = wish;
  const [ca, cert, key] = await Promise.all([
    readPem('sslrootcert', authorityFile),
    readPem('sslcert', certificateFile),
    readPem('sslkey', keyFile),
  ]);
  if (ca !== undefined) requireUsable('sslrootcert', 'holds no certificate in PEM', () => new X509Certificate(ca));
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
