import { hash, randomBytes } from 'node:crypto';
import type { CertificateSource, IssuedToken, TokenSource } from '../vault/identity/ports.ts';

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
