import { systemEvent, type EventSource } from '../audit/audit-event.ts';
import { invalidArgument, VaultError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Clock } from '../time.ts';
import type { Credential } from './credential.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { FoundCredential, VersionRetention } from './decision-ports.ts';
import type { PruneDecision } from './due-ports.ts';

/** How long a superseded version is kept in any case, so that a caller who adds many versions cannot remove the earlier ones. */
const keptMs = 24 * 3_600_000;

interface RetentionParts {
  readonly clock: Clock;
  readonly lifecycle: Lifecycle;
}

/** Which versions are kept when one is added. */
export function retentionOf({ clock, lifecycle }: RetentionParts): VersionRetention {
  return { versionsMax: lifecycle.versionsMax, settledBefore: new Date(clock.now().getTime() - keptMs) };
}

/**
 * The numbers of the current and of the oldest version after one more is added: the newest `versionsMax` are kept, and those
 * that were superseded less than 24 hours ago.
 *
 * @throws VaultError `resource_exhausted` with the reason `TOO_MANY_VERSIONS` if more than `limits.versions` would be kept
 */
export function versionsAfterAdding(
  { credential, settledVersion }: FoundCredential,
  { versionsMax }: Lifecycle,
): Pick<Credential, 'currentVersion' | 'oldestVersion'> {
  const currentVersion = credential.currentVersion + 1;
  const oldest = credential.oldestVersion ?? 1;
  // All before a version that is settled were superseded when it was made, or earlier.
  const kept = Math.max(oldest, Math.min(currentVersion + 1 - versionsMax, settledVersion ?? oldest));
  if (currentVersion - kept >= limits.versions) throw tooManyVersions();
  return { currentVersion, oldestVersion: kept === oldest ? credential.oldestVersion : kept };
}

/** @throws VaultError `invalid_argument` for a negative number, or one that no version can have */
export function checkVersionNumber(field: string, version: number): void {
  if (!Number.isInteger(version) || version < 0) throw invalidArgument(field, 'must be the number of a version, or 0');
}

/**
 * Decides to prune the versions before the one that is settled. Undefined for a row that was modified outside of Coffer, and if
 * there are none.
 */
export function decideDuePrune(
  parts: EventSource,
  { credential, isGenuine, settledVersion }: FoundCredential,
): PruneDecision | undefined {
  const { id: resourceId, oldestVersion, revision, workspaceId } = credential;
  if (!isGenuine || settledVersion === undefined || settledVersion <= (oldestVersion ?? 1)) return undefined;
  const action = { action: 'secrets.prune_versions', resourceKind: 'credential', resourceId, workspaceId } as const;
  return {
    event: systemEvent(parts, { ...action, version: settledVersion - 1 }),
    credential: { ...credential, oldestVersion: settledVersion, revision: revision + 1, updatedAt: parts.clock.now() },
  };
}

function tooManyVersions(): VaultError {
  const message = `a credential has at most ${limits.versions} versions, and the last day's are not pruned`;
  return new VaultError('resource_exhausted', message, { reason: 'TOO_MANY_VERSIONS' });
}
