import { VaultError, invalidToken } from '../vault/errors.ts';
import type { ApiKey, UserAccess } from '../vault/identity/identity.ts';
import type { Clock } from '../vault/time.ts';
import type { Caller } from '../vault/caller.ts';
import { keyScopeOf } from '../vault/key-scope.ts';
import { accessOfUser, checkExpiry, type AuthenticationMethod } from './authentication-method.ts';
import { apiKeyTokenPattern, hashToken } from './token-source.ts';

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
