import { auditEvent, systemEvent, type AuditEvent, type EventSource } from '../audit/audit-event.ts';
import { credentialUnreadable, VaultError } from '../errors.ts';
import { nilUuid } from '../ids.ts';
import { checkEtag, decideUpdate, type DecisionParts, type ResealedCredential } from './credential-decisions.ts';
import { draftDefaults } from './credential-rules.ts';
import type { Credential } from './credential.ts';
import { dueNotice, nextNoticeTime, type Lifecycle } from './lifecycle.ts';
import type { Decision, FoundCredential } from './decision-ports.ts';
import type { NoticeDecision, PurgeDecision } from './due-ports.ts';

/** What a worker decides with. */
export interface WorkerParts extends EventSource {
  readonly lifecycle: Lifecycle;
}

/**
 * Decides to restore a deleted credential in the state that it had. Notices of expiry that were due meanwhile are not given.
 *
 * @throws VaultError `already_exists` with the reason `NOT_DELETED`, `etag_stale`
 */
export function decideUndelete(
  parts: DecisionParts<'credentials.write'>,
  found: FoundCredential,
  etags: readonly string[] | undefined,
): Decision<ResealedCredential> {
  const { clock, lifecycle } = parts;
  return decideUpdate(parts, found, {
    action: 'credentials.undelete',
    etags,
    change: (present) => {
      if (present.deletedAt === null) throw notDeleted('already_exists', present);
      const noticeAt = nextNoticeTime(present, clock.now(), lifecycle);
      return { ...present, deletedAt: null, purgeAt: null, noticeAt };
    },
  });
}

/**
 * Decides to purge a deleted credential for a caller.
 *
 * @throws VaultError `failed_precondition` with the reason `NOT_DELETED`, `etag_stale`
 */
export function decidePurge(
  parts: DecisionParts<'credentials.purge'>,
  { credential, isGenuine }: FoundCredential,
  etags: readonly string[] | undefined,
): PurgeDecision {
  const { call, clock } = parts;
  const { id, workspaceId } = credential;
  const action = { action: 'credentials.purge', resourceKind: 'credential', resourceId: id } as const;
  if (!isGenuine) {
    const refusal = credentialUnreadable(`credential ${id} of workspace ${workspaceId} was changed outside of Coffer`);
    return { event: auditEvent(parts, call, { ...action, outcome: 'FAILED' }), refusal };
  }
  checkEtag(credential, etags);
  if (credential.deletedAt === null) throw notDeleted('failed_precondition', credential);
  return { event: auditEvent(parts, call, action), tombstone: tombstoneOf(credential, clock.now()) };
}

/** Decides to purge a credential whose time has come; undefined for a row that was modified outside of Coffer. */
export function decideDuePurge(
  parts: EventSource,
  { credential, isGenuine }: FoundCredential,
): PurgeDecision | undefined {
  const now = parts.clock.now();
  const { deletedAt, purgeAt } = credential;
  if (!isGenuine || deletedAt === null || purgeAt === null || purgeAt > now) return undefined;
  return { event: workerEvent(parts, 'credentials.purge', credential), tombstone: tombstoneOf(credential, now) };
}

/**
 * Decides about the notice of expiry that is due, and when the next one is. Undefined for a row that was modified outside of
 * Coffer.
 */
export function decideDueNotice(
  parts: WorkerParts,
  { credential, isGenuine }: FoundCredential,
): NoticeDecision | undefined {
  const { clock, lifecycle } = parts;
  const now = clock.now();
  if (!isGenuine || credential.deletedAt !== null) return undefined;
  const notice = dueNotice(credential, now, lifecycle);
  const noticeAt = nextNoticeTime(credential, now, lifecycle);
  if (!notice) return { noticeAt };
  const { days } = notice;
  const action = days === 0 ? 'credentials.expire' : 'credentials.expiring';
  return { noticeAt, event: { ...workerEvent(parts, action, credential), ...(days > 0 && { days }) } };
}

/**
 * What is left of a purged credential. A later create with its id continues at the next revision and version: otherwise
 * ciphertext of an old backup would open in its place. The time of creation stays, since pages of lists may begin there.
 */
export function tombstoneOf(purged: Credential, purgedAt: Date): Credential {
  const { workspaceId, id, currentVersion, origin, createdAt, revision } = purged;
  return {
    ...draftDefaults,
    workspaceId,
    id,
    name: '',
    provider: '',
    authType: '',
    isActive: false,
    lastUsedAt: null,
    useCount: 0,
    currentVersion,
    oldestVersion: currentVersion + 1,
    revision: revision + 1,
    origin,
    createdBy: nilUuid,
    createdAt,
    updatedAt: purgedAt,
    deletedAt: purgedAt,
    purgeAt: null,
    purgedAt,
    noticeAt: null,
  };
}

function workerEvent(
  parts: EventSource,
  action: 'credentials.purge' | 'credentials.expiring' | 'credentials.expire',
  { id: resourceId, workspaceId }: Credential,
): AuditEvent {
  return systemEvent(parts, { action, resourceKind: 'credential', resourceId, workspaceId });
}

function notDeleted(code: 'already_exists' | 'failed_precondition', { id }: Credential): VaultError {
  return new VaultError(code, 'the credential is not deleted', { resource: 'credential', id, reason: 'NOT_DELETED' });
}
