import { VaultError } from '../errors.ts';
import { unscoped } from '../key-scope.ts';
import type { ApiKey, User } from '../identity/identity.ts';
import type { Clock } from '../time.ts';
import type { IdSource } from '../ids.ts';
import type { IssuedToken } from '../identity/ports.ts';
import type { WorkspaceCipherSource, InstanceStore } from './ports.ts';
import { systemEvent } from '../audit/audit-event.ts';
import { withdrawnPassword } from '../identity/passwords.ts';

/** What the first start works with. */
export interface FirstStartParts {
  readonly users: InstanceStore;
  readonly ciphers: WorkspaceCipherSource;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/**
 * Makes the default workspace, its key, the first owner and his personal API key. To be called under the migration lock,
 * and only where no owner exists.
 */
export async function createFirstOwner(parts: FirstStartParts, token: IssuedToken): Promise<void> {
  const { clock, ids, ciphers, users } = parts;
  const createdAt = clock.now();
  const ownerId = ids.next();
  const workspace = { id: ids.next(), name: 'default', createdBy: ownerId, createdAt };
  const owner = {
    id: ownerId,
    name: 'owner',
    isOwner: true,
    defaultWorkspaceId: workspace.id,
    passwordHash: null,
    deactivatedAt: null,
    createdAt,
  };
  await users.createFirstOwner({
    workspace,
    key: ciphers.newWorkspaceKey(workspace.id),
    owner,
    membership: { workspaceId: workspace.id, userId: ownerId, role: 'ADMIN', mayReveal: true },
    apiKey: personalKey(parts, owner, token),
    event: systemEvent(parts, { action: 'instance.set_up', resourceKind: 'user', resourceId: ownerId }),
  });
}

/**
 * Gives the first owner a new personal API key in place of all that proved him before: his personal keys and his sessions end
 * at once, and his password is withdrawn. He sets another with the new key; for whoever has none, the set-up stays over.
 *
 * @throws VaultError `not_found` where there is no owner yet
 */
export async function replaceAdminKey(parts: FirstStartParts, token: IssuedToken): Promise<void> {
  const owner = await parts.users.findFirstOwner();
  if (!owner) throw new VaultError('not_found', 'there is no owner yet: start the server once');
  const apiKey = personalKey(parts, owner, token);
  const event = systemEvent(parts, { action: 'api_keys.create', resourceKind: 'api_key', resourceId: apiKey.id });
  await parts.users.replaceAuthentication({
    apiKey,
    revokedAt: apiKey.createdAt,
    passwordHash: withdrawnPassword(apiKey.id),
    event,
    eventOf: (revocation) => systemEvent(parts, revocation),
  });
}

function personalKey(parts: FirstStartParts, owner: User, token: IssuedToken): ApiKey {
  return {
    id: parts.ids.next(),
    workspaceId: owner.defaultWorkspaceId,
    userId: owner.id,
    name: 'admin',
    hash: token.hash,
    prefix: token.prefix,
    role: null,
    mayReveal: true,
    dialect: null,
    ...unscoped,
    expiresAt: null,
    revokedAt: null,
    createdAt: parts.clock.now(),
  };
}
