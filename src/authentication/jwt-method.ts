import type { Grant } from '../vault/caller.ts';
import { VaultError, invalidToken } from '../vault/errors.ts';
import { claimedGrants, oidcUserId } from './oidc/claims.ts';
import type { AuthenticationMethod } from './authentication-method.ts';
import { jwtPattern } from './tokens.ts';

/** Authenticates by a JWT access token of the configured issuer, whose claims contain the grants. */
export const jwtMethod: AuthenticationMethod = {
  accepts: (token) => jwtPattern.test(token),
  authenticate: async (token, { oidc }, signal) => {
    if (!oidc) throw invalidToken('no token issuer is configured');
    const { subject, claims } = await oidc.issuer.verify(token);
    const claimed = claimedGrants(claims, oidc.claimNames);
    const ids = await Promise.all(claimed.map(({ workspace }) => oidc.workspaces.find(workspace, signal)));
    // For several roles in one workspace, the first one counts.
    const grants = new Map<string, Grant>();
    for (const [index, { role }] of claimed.entries()) {
      const workspaceId = ids[index];
      if (workspaceId === undefined || grants.has(workspaceId)) continue;
      grants.set(workspaceId, { workspaceId, role, mayReveal: true });
    }
    const [first] = grants.values();
    if (!first) throw new VaultError('token_invalid', 'the token grants nothing here');
    const id = oidcUserId(oidc.issuer.name, subject);
    return {
      kind: 'user',
      id,
      name: subject,
      userId: id,
      authentication: 'oidc',
      sessionId: null,
      expiresAt: null,
      isOwner: false,
      defaultWorkspaceId: first.workspaceId,
      grants: [...grants.values()],
      dialect: null,
    };
  },
};
