import { apiKeyMethod, certificateMethod, sessionMethod } from './lookup-methods.ts';
import { jwtMethod } from './jwt-method.ts';
import type { CertificateMethod, AuthenticationMethod, AuthenticationParts } from './authentication-method.ts';
import type { X509Certificate } from 'node:crypto';
import type { Caller } from '../vault/caller.ts';
import { invalidToken } from '../vault/errors.ts';
import { tokenOfHeaders } from './tokens.ts';

/** Authenticates callers. */
export class Authenticator {
  readonly #parts: AuthenticationParts;

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
  }

  /**
   * Authenticates by the token in the request's headers, or without one by the certificate of the connection.
   *
   * @param certificate the verified client certificate, if any
   * @returns undefined if there is no token, and the certificate has no name of an API key
   * @throws VaultError `token_invalid` or `token_expired`, or `unavailable` if authentication is not possible now
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
    if (!method) throw invalidToken('the token has an unknown form');
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

/** Whether a page made a browser send the request: the browser would present its user's certificate, but not a token. */
function isFromPage(headers: Pick<Headers, 'has'>): boolean {
  return headers.has('origin') || headers.has('sec-fetch-site');
}

/** All methods that use a token. Each token has the form of one method only, so the order has no effect. */
export const authenticationMethods: readonly AuthenticationMethod[] = [apiKeyMethod, sessionMethod, jwtMethod];

/** All methods that use a client certificate, tried in this order. */
const certificateMethods: readonly CertificateMethod[] = [certificateMethod];
