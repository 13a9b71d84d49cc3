import { apiKeyMethod, certificateMethod, sessionMethod } from './lookup-methods.ts';
import { jwtMethod } from './jwt-method.ts';
import type { CertificateMethod, AuthenticationMethod, AuthenticationParts } from './authentication-method.ts';
import type { X509Certificate } from 'node:crypto';
import type { Caller } from '../vault/caller.ts';
import { invalidToken } from '../vault/errors.ts';
import { tokenOfHeaders } from './tokens.ts';

/** Tells who is calling. */
export class Authenticator {
  readonly #parts: AuthenticationParts;

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
  }

  /**
   * Finds the caller by the token in the request's headers, or else by the certificate of its connection.
   *
   * @param certificate verified, where the client had to present one
   * @returns undefined where there is no token, and no name in the certificate that is anybody's
   * @throws VaultError `token_invalid` or `token_expired`, or `unavailable` where it can't be told
   */
  async authenticate(
    headers: Pick<Headers, 'get' | 'has'>,
    signal: AbortSignal,
    certificate?: X509Certificate,
  ): Promise<Caller | undefined> {
    const token = tokenOfHeaders(headers);
    if (token === undefined) {
      return certificate && !isFromPage(headers) ? this.#authenticateByCertificate(certificate, signal) : undefined;
    }
    const method = authenticationMethods.find(({ accepts }) => accepts(token));
    if (!method) throw invalidToken('the token is of no known form');
    return method.authenticate(token, this.#parts, signal);
  }

  async #authenticateByCertificate(certificate: X509Certificate, signal: AbortSignal): Promise<Caller | undefined> {
    for (const authenticate of certificateMethods) {
      const caller = await authenticate(certificate, this.#parts, signal);
      if (caller) return caller;
    }
    return undefined;
  }
}

/** A browser shows its user's certificate for any page that makes it send a request; tokens are not sent like that. */
function isFromPage(headers: Pick<Headers, 'has'>): boolean {
  return headers.has('origin') || headers.has('sec-fetch-site');
}

/** Every way to prove oneself by a token. Their forms exclude one another, so that the order says nothing. */
export const authenticationMethods: readonly AuthenticationMethod[] = [apiKeyMethod, sessionMethod, jwtMethod];

/** Every way to prove oneself by a certificate, each asked in turn. */
export const certificateMethods: readonly CertificateMethod[] = [certificateMethod];
