import type { X509Certificate } from 'node:crypto';
import { parseCertificateName, type ApiKey, type UserAccess } from '../vault/identity/identity.ts';
import {
  checkExpiry,
  type CertificateMethod,
  accessOfUser,
  type AuthenticationMethod,
} from './authentication-method.ts';
import { hashCertificateName, hashToken, sessionTokenPattern, apiKeyTokenPattern } from './tokens.ts';
import { invalidToken, VaultError } from '../vault/errors.ts';
import type { Clock } from '../vault/time.ts';
import type { Caller } from '../vault/caller.ts';
import { keyScopeOf } from '../vault/key-scope.ts';

/** Authenticates by an API key: a workspace's key, or a personal one, which may do everything that its user may. */
export const apiKeyMethod: AuthenticationMethod = {
  accepts: (token) => apiKeyTokenPattern.test(token),
  authenticate: async (token, { store, clock }, signal) => {
    const found = await store.findApiKey(hashToken(token), signal);
    if (!found) throw invalidToken('the API key is unknown');
    return callerOfApiKey(found, 'api_key', clock);
  },
};

/**
 * The caller of a valid API key.
 *
 * @throws VaultError `token_invalid` or `token_expired`
 */
function callerOfApiKey(
  { apiKey, access }: { readonly apiKey: ApiKey; readonly access: UserAccess },
  authentication: 'api_key' | 'client_certificate',
  clock: Clock,
): Caller {
  const { id, name, dialect, workspaceId, revokedAt, expiresAt } = apiKey;
  if (revokedAt !== null) throw new VaultError('token_invalid', 'Token revoked');
  checkExpiry(expiresAt, clock);
  return {
    kind: 'api_key',
    id,
    name,
    authentication,
    sessionId: null,
    expiresAt,
    defaultWorkspaceId: workspaceId,
    dialect,
    ...accessOf(apiKey, access),
  };
}

/** A workspace's key has only its own grant, whatever the grants of its issuer. */
function accessOf(apiKey: ApiKey, access: UserAccess): Pick<Caller, 'userId' | 'isOwner' | 'grants'> {
  const { workspaceId, userId, role, mayReveal } = apiKey;
  if (role === null) return accessOfUser(access);
  return { userId, isOwner: false, grants: [{ workspaceId, role, mayReveal, ...keyScopeOf(apiKey) }] };
}

/** Authenticates a user by the session that a login has started. */
export const sessionMethod: AuthenticationMethod = {
  accepts: (token) => sessionTokenPattern.test(token),
  authenticate: async (token, { store, clock }, signal) => {
    const found = await store.findSession(hashToken(token), signal);
    if (!found) throw invalidToken('the session is unknown or has ended');
    const { session, access } = found;
    checkExpiry(session.expiresAt, clock);
    return {
      kind: 'user',
      id: access.user.id,
      name: access.user.name,
      authentication: 'session',
      sessionId: session.id,
      expiresAt: null,
      defaultWorkspaceId: access.user.defaultWorkspaceId,
      dialect: null,
      ...accessOfUser(access),
    };
  },
};

/**
 * Authenticates as the API key that was issued for a name in the client certificate. The first name with a key decides, even if
 * the key is revoked or expired.
 */
export const certificateMethod: CertificateMethod = async (certificate, { store, clock }, signal) => {
  for (const name of certificateNames(certificate)) {
    const found = await store.findApiKey(hashCertificateName(name), signal);
    if (!found) continue;
    // The handshake has checked this as well, but a connection may outlive the certificate.
    checkExpiry(certificate.validToDate, clock);
    return callerOfApiKey(found, 'client_certificate', clock);
  }
  return undefined;
};

/** The most names of one certificate that are looked up. */
export const certificateNamesMax = 8;

/**
 * One entry, such as `DNS:localhost`. Node quotes every value with a comma, a quote or a control character as JSON does, so that a
 * value cannot be read as several entries.
 */
const entryPattern = /[A-Za-z0-9 ]+:(?:"(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/gy;

/**
 * The names in a certificate by which keys may be issued: URIs first, then hosts, each in the certificate's order. A list that is
 * not entirely readable or too long counts as empty.
 *
 * @see https://nodejs.org/api/crypto.html#x509subjectaltname and CVE-2021-44532
 */
export function certificateNames({ subjectAltName }: Pick<X509Certificate, 'subjectAltName'>): readonly string[] {
  const entries = splitEntries(subjectAltName ?? '') ?? [];
  const names = entries.map(parseCertificateName).filter((name) => name !== undefined);
  const [uris, hosts] = ['URI:', 'DNS:'].map((kind) => names.filter((name) => name.startsWith(kind)));
  const distinct = [...new Set([...(uris ?? []), ...(hosts ?? [])])];
  return distinct.length > certificateNamesMax ? [] : distinct;
}

/** Quoted values keep their quotes, and so cannot be the name of a key. */
function splitEntries(text: string): readonly string[] | undefined {
  const entries = Array.from(text.matchAll(entryPattern), ([entry]) => entry);
  return entries.join('') === text ? entries.map((entry) => entry.replace(/, $/, '')) : undefined;
}
