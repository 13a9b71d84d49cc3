import type { Call, Grant } from './caller.ts';
import type { Credential } from './credential.ts';
import { VaultError } from './errors.ts';

/** What limits the caller in the workspace of his call; for the conditions of a list. */
export function narrowingOfCall({
  caller,
  workspaceId,
}: Pick<Call, 'caller' | 'workspaceId'>): Pick<Grant, 'narrowing'> {
  const narrowing = caller.grants.find((grant) => grant.workspaceId === workspaceId)?.narrowing;
  return narrowing ? { narrowing } : {};
}

/** Tells whether the caller may know of a credential of the call's workspace. */
export function isVisible(
  call: Pick<Call, 'caller' | 'workspaceId'>,
  credential: Pick<Credential, 'id' | 'provider' | 'tags'>,
): boolean {
  const { narrowing } = narrowingOfCall(call);
  if (!narrowing) return true;
  const { providers, tags, credentialIds } = narrowing;
  return (
    (providers.length === 0 || providers.includes(credential.provider)) &&
    (tags.length === 0 || credential.tags.some((tag) => tags.includes(tag))) &&
    (credentialIds.length === 0 || credentialIds.includes(credential.id))
  );
}

/**
 * Lets nobody make or leave a credential that he then may not know of.
 *
 * @throws VaultError `permission_denied`
 */
export function checkVisible(call: Call, credential: Pick<Credential, 'id' | 'provider' | 'tags'>): void {
  if (isVisible(call, credential)) return;
  throw new VaultError('permission_denied', 'this key is not for such credentials', { reason: 'KEY_NARROWED' });
}
