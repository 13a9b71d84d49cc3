import { hash, randomBytes } from 'node:crypto';
import type { CertificateSource, IssuedToken, TokenSource } from '../vault/identity/ports.ts';
import { invalidToken } from '../vault/errors.ts';

/** Of an API key's or a session's token: nothing longer is hashed or looked up. */
export const tokenCharactersMax = 512;

/** Of a JWT; all headers of a request together may take as much. */
export const jwtCharactersMax = 16_384;

/** Three parts in base64url, the last of which may be missing its signature. @see https://www.rfc-editor.org/rfc/rfc7515#section-7.1 */
export const jwtPattern = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Printable ASCII but the comma, which joins the values of a header that was sent twice. */
const tokenPattern = /^[\x21-\x2b\x2d-\x7e]+$/;

/**
 * Takes the token out of `Authorization` or `x-api-key`. What follows the last `Bearer ` is taken, in any case of letters,
 * and a bare token in `Authorization` passes, as some clients of the REST APIs rely on.
 *
 * @returns undefined where neither header holds anything
 * @throws VaultError `token_invalid` for what can't be a token, and where the two headers differ
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 */
export function tokenOfHeaders(headers: Pick<Headers, 'get'>): string | undefined {
  const bearer = headers.get('authorization') ?? '';
  const apiKey = headers.get('x-api-key') ?? '';
  const tokens = [afterBearer(checkHeader(bearer)), checkHeader(apiKey)].filter((token) => token !== '');
  const [token, another] = tokens;
  if (token === undefined) return undefined;
  if (another !== undefined && another !== token) throw invalidToken('the two headers hold different tokens');
  if (!tokenPattern.test(token)) throw invalidToken('the token holds characters that no token has');
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

/** Looks at the whole value, not only at what is taken of it: two tokens in one header must not pass as the last of them. */
function checkHeader(value: string): string {
  if (value.length > 2 * jwtCharactersMax || value.includes(',')) {
    throw invalidToken('the header is too long or holds several tokens');
  }
  return value.trim();
}

/** An API key's token: `cof_` and 32 bytes in base64url. */
export const apiKeyTokenPattern = /^cof_[A-Za-z0-9_-]{43}$/;

/** A session's token: `fn_sess_` and 32 bytes in lower-case hex, as the seed of fishnet prints it. */
export const sessionTokenPattern = /^fn_sess_[0-9a-f]{64}$/;

const tokenBytes = 32;

const shownCharacters = 4;

/** Makes tokens of 256 random bits, so that their SHA-256 needs neither salt nor slowness. */
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

/** Prepares an API key's token that the operator chose, which must match `apiKeyTokenPattern`. */
export function issueApiKeyToken(token: string): IssuedToken {
  return issue('cof_', token.slice('cof_'.length));
}

/** What a token is looked up by: its SHA-256. */
export function hashToken(token: string): Uint8Array {
  return hash('sha256', token, 'buffer');
}

/** What a key is looked up by that a certificate proves. No token begins like this, so that none stands for a certificate. */
export function hashCertificateName(name: string): Uint8Array {
  return hashToken(`san:${name}`);
}

function issue(kind: string, random: string): IssuedToken {
  const token = kind + random;
  return { token, hash: hashToken(token), prefix: kind + random.slice(0, shownCharacters) };
}
