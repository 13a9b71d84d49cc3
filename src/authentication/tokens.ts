import { hash, randomBytes } from 'node:crypto';
import type { CertificateSource, IssuedToken, TokenSource } from '../vault/identity/ports.ts';
import { invalidToken } from '../vault/errors.ts';

/** The greatest length of an API key's or session's token; longer ones are not hashed or looked up. */
const tokenCharactersMax = 512;

/** The greatest length of a JWT; all headers of a request may have as much. */
const jwtCharactersMax = 16_384;

/** Three parts in base64url, the last of which may be empty. @see https://www.rfc-editor.org/rfc/rfc7515#section-7.1 */
export const jwtPattern = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Printable ASCII except the comma, which joins the values of a header that was sent twice. */
const tokenPattern = /^[\x21-\x2b\x2d-\x7e]+$/;

/**
 * Reads the token from `Authorization` or `x-api-key`. It is the text after the last `Bearer ` in upper or lower case; a token
 * without a scheme in `Authorization` is accepted as well, because some clients of the REST APIs send that.
 *
 * @returns undefined if both headers are empty or absent
 * @throws VaultError `token_invalid` for a text that cannot be a token, and if the two headers differ
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 */
export function tokenOfHeaders(headers: Pick<Headers, 'get'>): string | undefined {
  const bearer = headers.get('authorization') ?? '';
  const apiKey = headers.get('x-api-key') ?? '';
  const tokens = [afterBearer(checkHeader(bearer)), checkHeader(apiKey)].filter((token) => token !== '');
  const [token, another] = tokens;
  if (token === undefined) return undefined;
  if (another !== undefined && another !== token) throw invalidToken('the two headers have different tokens');
  if (!tokenPattern.test(token)) throw invalidToken('the token has characters that no token has');
  if (token.length > (jwtPattern.test(token) ? jwtCharactersMax : tokenCharactersMax)) {
    throw invalidToken('the token is too long');
  }
  return token;
}

function afterBearer(value: string): string {
  const scheme = 'bearer';
  const lower = value.toLowerCase();
  if (lower === scheme) return '';
  const start = lower.lastIndexOf(`${scheme} `);
  return start < 0 ? value : value.slice(start + scheme.length).trim();
}

/** Checks the entire value: two tokens in one header must not be accepted as the last one. */
function checkHeader(value: string): string {
  if (value.length > 2 * jwtCharactersMax || value.includes(',')) {
    throw invalidToken('the header is too long or has several tokens');
  }
  return value.trim();
}

/** An API key's token: `cof_` and 32 bytes in base64url. */
export const apiKeyTokenPattern = /^cof_[A-Za-z0-9_-]{43}$/;

/** A session's token: `fn_sess_` and 32 bytes in lower-case hex, as the seed of fishnet prints it. */
export const sessionTokenPattern = /^fn_sess_[0-9a-f]{64}$/;

const tokenBytes = 32;

const shownCharacters = 4;

/** Creates tokens of 256 random bits, so that their SHA-256 needs neither a salt nor a slow hash. */
export class RandomTokenSource implements TokenSource, CertificateSource {
  newApiKeyToken(): IssuedToken {
    return issueApiKeyToken(`cof_${randomBytes(tokenBytes).toString('base64url')}`);
  }

  ofCertificate(name: string): Omit<IssuedToken, 'token'> & { readonly token: null } {
    return { token: null, hash: hashCertificateName(name), prefix: name };
  }

  newSessionToken(): IssuedToken {
    return issue('fn_sess_', randomBytes(tokenBytes).toString('hex'));
  }
}

/** Prepares an API key's token that the operator chose; it must match `apiKeyTokenPattern`. */
export function issueApiKeyToken(token: string): IssuedToken {
  return issue('cof_', token.slice('cof_'.length));
}

/** The SHA-256 by which a token is looked up. */
export function hashToken(token: string): Uint8Array {
  return hash('sha256', token, 'buffer');
}

/** The hash by which a certificate's name is looked up. No token starts with `san:`, so no token can stand for a certificate. */
export function hashCertificateName(name: string): Uint8Array {
  return hashToken(`san:${name}`);
}

function issue(kind: string, random: string): IssuedToken {
  const token = kind + random;
  return { token, hash: hashToken(token), prefix: kind + random.slice(0, shownCharacters) };
}
