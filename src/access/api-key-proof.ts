import { VaultError } from '../vault/errors.ts';
import type { ApiKey, UserAccess } from '../vault/ports.ts';
import type { Caller } from '../vault/caller.ts';
import { accessOfUser, checkExpiry, type Proof } from './proof.ts';
import { apiKeyTokenPattern, hashToken } from './token-source.ts';
import { invalidToken } from './token-of-headers.ts';

/** Proves a caller by an API key: one of a workspace, or a personal one, which may do what its user may. */
export const apiKeyProof: Proof = {
  accepts: (token) => apiKeyTokenPattern.test(token),
  prove: async (token, { store, clock }, signal) => {
    const found = await store.findApiKey(hashToken(token), signal);
    if (!found) throw invalidToken();
    const { apiKey, access } = found;
    if (apiKey.revokedAt !== null) throw new VaultError('token_invalid', 'Token revoked');
    checkExpiry(apiKey.expiresAt, clock);
    return callerOf(apiKey, access);
  },
};

function callerOf(apiKey: ApiKey, access: UserAccess): Caller {
  const { id, name, dialect, workspaceId } = apiKey;
  return {
    kind: 'api_key',
    id,
    name,
    authentication: 'api_key',
    sessionId: null,
    defaultWorkspaceId: workspaceId,
    dialect,
    ...accessOf(apiKey, access),
  };
}

/** A workspace's key has its own grant there and nothing else, however much its issuer may. */
function accessOf(apiKey: ApiKey, access: UserAccess): Pick<Caller, 'userId' | 'isOwner' | 'grants'> {
  const { workspaceId, userId, role, mayReveal } = apiKey;
  return role === null ? accessOfUser(access) : { userId, isOwner: false, grants: [{ workspaceId, role, mayReveal }] };
}
