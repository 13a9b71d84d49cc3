import { auditEvent, type EventSource } from '../audit/audit-event.ts';
import type { Call } from '../caller.ts';
import { notFound, VaultError } from '../errors.ts';
import type { WorkspaceCipher } from '../workspaces/ports.ts';
import { openCurrentVersion } from './credential-change.ts';
import type { Decision, FoundCredential } from './decision-ports.ts';

/** The names of the top-level fields of the current secret that match; none if it cannot be opened. */
export function fieldsWith(
  isMatch: (value: string) => boolean,
  cipher: WorkspaceCipher,
  found: FoundCredential,
): readonly string[] {
  if (!found.isGenuine || !found.current) return [];
  const secret = openCurrentVersion(cipher, found);
  if (secret instanceof VaultError) return [];
  const fields = Object.entries(secret.expose());
  return fields.filter(([, value]) => typeof value === 'string' && isMatch(value)).map(([name]) => name);
}

/**
 * Decides to deactivate a credential that contains a leaked value, on behalf of an owner, who needs no role in its workspace. An
 * inactive one is refused without an event, and so is one whose secret has changed.
 */
export function decideLeakDeactivation<Holder>(
  parts: EventSource & { readonly call: Call },
  found: FoundCredential | undefined,
  holdersOf: (found: FoundCredential) => readonly Holder[],
): Decision<readonly Holder[]> | VaultError {
  const holders = found ? holdersOf(found) : [];
  if (!found || holders.length === 0) return notFound('credential', found?.credential.id ?? '');
  const { credential: present } = found;
  if (!present.isActive) return new VaultError('credential_inactive', 'the credential is inactive');
  const { id: resourceId, workspaceId } = present;
  const credential = { ...present, isActive: false, revision: present.revision + 1, updatedAt: parts.clock.now() };
  const action = { action: 'credentials.deactivate', resourceKind: 'credential', purpose: 'leak report' } as const;
  const event = auditEvent(parts, { ...parts.call, workspaceId }, { ...action, resourceId });
  return { update: { credential }, event, answer: holders };
}
