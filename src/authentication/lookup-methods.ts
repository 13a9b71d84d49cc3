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

/** Proves a caller by an API key: one of a workspace, or a personal one, which may do what its user may. */
export const apiKeyMethod: AuthenticationMethod = {
  accepts: (token) => apiKeyTokenPattern.test(token),
  authenticate: async (token, { store, clock }, signal) => {
    const found = await store.findApiKey(hashToken(token), signal);
    if (!found) throw invalidToken('the API key is unknown');
    return callerOfApiKey(found, 'api_key', clock);
  },
};

/**
 * The caller that an API key stands for, unless it has ended.
 *
 * @throws VaultError `token_invalid` or `token_expired`
 */
export function callerOfApiKey(
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

/** A workspace's key has its own grant there and nothing else, however much its issuer may. */
function accessOf(apiKey: ApiKey, access: UserAccess): Pick<Caller, 'userId' | 'isOwner' | 'grants'> {
  const { workspaceId, userId, role, mayReveal } = apiKey;
  if (role === null) return accessOfUser(access);
  return { userId, isOwner: false, grants: [{ workspaceId, role, mayReveal, ...keyScopeOf(apiKey) }] };
}

/** Proves a user by the session that his login began. */
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
 * Proves the API key that was issued for a name in the client's certificate. Of several such names the first decides, even
 * where its key has ended.
 */
export const certificateMethod: CertificateMethod = async (certificate, { store, clock }, signal) => {
  for (const name of certificateNames(certificate)) {
    const found = await store.findApiKey(hashCertificateName(name), signal);
    if (!found) continue;
    // The handshake saw to that too, but a connection may last longer.
    checkExpiry(certificate.validToDate, clock);
    return callerOfApiKey(found, 'client_certificate', clock);
  }
  return undefined;
};

/** The most names of one certificate that are looked up. */
export const certificateNamesMax = 8;

/**
 * One entry, such as `DNS:localhost`. Node quotes, as JSON does, every value that holds a comma, a quote or a control
 * character, so that a value can't pass for several entries.
 */
const entryPattern = /[A-Za-z0-9 ]+:(?:"(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/gy;

/**
 * The names by which a certificate's holder may be known: first those that are URIs, then those of hosts, each in the
 * certificate's order. A list that can't be read to its end, and a certificate with too many of them, has none.
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

/** Quoted values keep their quotes, and so are no name that anybody can be known by. */
function splitEntries(text: string): readonly string[] | undefined {
  const entries = Array.from(text.matchAll(entryPattern), ([entry]) => entry);
  return entries.join('') === text ? entries.map((entry) => entry.replace(/, $/, '')) : undefined;
}
