import { systemEvent, type EventSource } from '../audit/audit-event.ts';
import { VaultError } from '../errors.ts';
import type { ApiKey, User } from '../identity/identity.ts';
import { withdrawnPassword } from '../identity/passwords.ts';
import type { IssuedToken } from '../identity/ports.ts';
import { unscoped } from '../key-scope.ts';
import type { InstanceStore, WorkspaceCipherSource } from './ports.ts';

export interface FirstStartParts extends EventSource {
  readonly users: InstanceStore;
  readonly ciphers: WorkspaceCipherSource;
}

/**
 * Creates the default workspace, its key, the first owner and their personal API key. The caller holds the migration lock and
 * has checked that no owner exists.
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
 * Gives the first owner a new personal API key and revokes all other authentication: their personal keys and sessions end at
 * once, and their password is withdrawn. The owner sets a new password with the new key; for other callers the set-up stays
 * closed.
 *
 * @throws VaultError `not_found` if there is no owner yet
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

function personalKey({ clock, ids }: EventSource, owner: User, { hash, prefix }: IssuedToken): ApiKey {
  return {
    id: ids.next(),
    workspaceId: owner.defaultWorkspaceId,
    userId: owner.id,
    name: 'admin',
    hash,
    prefix,
    role: null,
    mayReveal: true,
    dialect: null,
    ...unscoped,
    expiresAt: null,
    revokedAt: null,
    createdAt: clock.now(),
  };
}
