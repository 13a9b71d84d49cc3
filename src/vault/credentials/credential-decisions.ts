import {
  auditEvent,
  type AuditAction,
  type AuditEvent,
  type AuditEventDetails,
  type AuditOutcome,
} from '../audit/audit-event.ts';
import { checkVisible, type Authorized } from '../caller.ts';
import { credentialUnreadable, VaultError, workspaceKeyUnreadable } from '../errors.ts';
import type { IdSource } from '../ids.ts';
import type { Permission } from '../permissions.ts';
import type { Secret } from '../secret.ts';
import type { Clock } from '../time.ts';
import type { RecordIdentity, WorkspaceCipher } from '../workspaces/ports.ts';
import { newSecretOf, versionMissing, type Resealing } from './credential-change.ts';
import { etagOf, type Credential, type SealedVersion, type CredentialDraft } from './credential.ts';
import { nextNoticeTime, withNoticeTime, type Lifecycle } from './lifecycle.ts';
import type { Decision, FoundCredential, Refusal } from './decision-ports.ts';
import { versionsAfterAdding } from './version-retention.ts';

/** What the event of a decision is made of. Its call must be authorized for the permission that the decision needs. */
export interface EventParts<P extends Permission = never> {
  readonly call: Authorized<P>;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** What a decision works with. */
export interface DecisionParts<P extends Permission = never> extends EventParts<P> {
  /** The greatest secret, in bytes of its JSON. */
  readonly secretBytesMax: number;
  readonly lifecycle: Lifecycle;
}

/** As `DecisionParts`, with the cipher of the call's workspace. */
export interface SealingParts<P extends Permission = never> extends DecisionParts<P> {
  readonly cipher: WorkspaceCipher;
}

/** A credential with its current secret as it is stored: ciphertext. */
export interface SealedCredential {
  readonly credential: Credential;
  readonly version: SealedVersion;
}

/** A changed credential; the version is undefined if it was neither loaded nor replaced. */
export interface ResealedCredential {
  readonly credential: Credential;
  readonly version: SealedVersion | undefined;
}

/** An update of a credential. */
export interface CredentialUpdate {
  /** The action of the event, unless a version is added. */
  readonly action: AuditAction;
  /** If given, the update requires that the present etag is one of these. */
  readonly etags?: readonly string[] | undefined;
  readonly change: (current: Credential) => Credential;
  /** How the secret changes, if it does. */
  readonly resealing?: Resealing | undefined;
  /** Whether the result needs the current version even if the secret does not change. */
  readonly sealed?: boolean;
}

/** The credential without its version. */
export function credentialIn({ credential }: Pick<ResealedCredential, 'credential'>): Credential {
  return credential;
}

/** Creates a credential and its first version, not yet stored. */
export function newSealedCredential(
  parts: SealingParts<'credentials.write'>,
  draft: CredentialDraft,
  secret: Secret,
  id: string,
): SealedCredential {
  const { call } = parts;
  const now = parts.clock.now();
  const credential = {
    ...draft,
    workspaceId: call.workspaceId,
    id,
    lastUsedAt: null,
    useCount: 0,
    currentVersion: 1,
    oldestVersion: null,
    revision: 1,
    origin: call.dialect,
    createdBy: call.caller.userId,
    createdAt: now,
    updatedAt: now,
    deletedAt: null,
    purgeAt: null,
    purgedAt: null,
    noticeAt: nextNoticeTime(draft, now, parts.lifecycle),
  };
  return { credential, version: sealCurrentVersion(parts, credential, secret) };
}

/** Decides to store a new credential. */
export function decideCreation(
  parts: DecisionParts<'credentials.write'>,
  created: SealedCredential,
): Decision<SealedCredential> {
  checkVisible(parts.call, created.credential);
  const event = credentialEvent(parts, 'credentials.create', created.credential.id);
  return { insert: created, event, answer: created };
}

/**
 * Decides to create a deleted or purged credential anew: the draft replaces its metadata, and the secret becomes its next
 * version. Its use count is kept.
 */
export function decideRecreation(
  parts: SealingParts<'credentials.write'>,
  found: FoundCredential,
  draft: CredentialDraft,
  secret: Secret,
): Decision<SealedCredential> {
  const { credential: deleted } = found;
  const changed = {
    ...newSealedCredential(parts, draft, secret, deleted.id).credential,
    lastUsedAt: deleted.lastUsedAt,
    useCount: deleted.useCount,
    revision: deleted.revision + 1,
  };
  checkVisible(parts.call, changed);
  return addVersion(parts, found, { changed, secret, action: 'credentials.create' });
}

/**
 * Decides an update. If nothing changes, only the event is written. A secret equal to the present one adds no version, unless
 * the caller may not reveal: they would learn that the two are equal.
 *
 * @returns the version that was found or added; a refusal if the present secret is needed and does not open
 * @throws VaultError `etag_stale`, `invalid_argument` for the secret, and what the functions of the update throw
 */
export function decideUpdate(
  parts: DecisionParts<'credentials.write'>,
  found: FoundCredential,
  update: CredentialUpdate,
): Decision<ResealedCredential> {
  const { credential: present, current } = found;
  if (!found.isGenuine || (!current && needsCurrent(update))) {
    return refuseUnsound(parts, update.resealing ? 'secrets.add_version' : update.action, found);
  }
  checkEtag(present, update.etags);
  const secret = update.resealing && newSecretOf(parts, update.resealing, found);
  if (secret instanceof VaultError) {
    return { event: credentialEvent(parts, 'secrets.add_version', present.id, 'FAILED'), refusal: secret };
  }
  const now = parts.clock.now();
  const changed = withNoticeTime(update.change(present), present, now, parts.lifecycle);
  checkVisible(parts.call, changed);
  const event = credentialEvent(parts, secret ? 'secrets.add_version' : update.action, present.id);
  if (!secret && sameMetadata(changed, present)) return { event, answer: { credential: present, version: current } };
  const progress = { revision: present.revision + 1, updatedAt: now };
  if (!update.resealing || !secret) {
    const credential = { ...changed, ...progress };
    return { update: { credential }, event, answer: { credential, version: current } };
  }
  const next = { changed: { ...changed, ...progress }, secret, action: 'secrets.add_version' } as const;
  return addVersion({ ...parts, ...update.resealing }, found, next);
}

/** A secret to be stored as the next version. */
interface NextVersion {
  /** The credential at its next revision, still with the present version. */
  readonly changed: Credential;
  readonly secret: Secret;
  readonly action: AuditAction;
  /** The version that the event names; the new one where absent. */
  readonly about?: number;
}

/**
 * Decides to store the next version of a secret, and to prune those that the credential no longer keeps. Pruning has its own
 * event.
 *
 * @throws VaultError `resource_exhausted` with the reason `TOO_MANY_VERSIONS`
 */
export function addVersion(
  parts: SealingParts<'credentials.write'>,
  found: FoundCredential,
  { changed, secret, action, about }: NextVersion,
): Decision<SealedCredential> {
  const credential = { ...changed, ...versionsAfterAdding(found, parts.lifecycle) };
  const version = sealCurrentVersion(parts, credential, secret);
  const { id, oldestVersion } = credential;
  const details = action === 'credentials.create' ? {} : { version: about ?? version.version };
  const event = credentialEvent(parts, action, id, 'OK', details);
  const added = { update: { credential, version }, event, answer: { credential, version } };
  if (oldestVersion === null || oldestVersion === found.credential.oldestVersion) return added;
  const pruning = credentialEvent(parts, 'secrets.prune_versions', id, 'OK', { version: oldestVersion - 1 });
  return { ...added, furtherEvents: [pruning] };
}

/**
 * Turns a decision into its preview: it is checked as if it were written, and answered without being written.
 *
 * @throws VaultError what the decision refuses, without an event
 */
export function previewOf<Answer>(decision: Decision<Answer>): Decision<Answer> {
  if ('refusal' in decision) throw decision.refusal;
  return { ...decision, isPreview: true };
}

/** Whether an update needs the current version. An entirely new secret replaces a version that is missing. */
function needsCurrent({ resealing, sealed }: CredentialUpdate): boolean {
  return resealing ? resealing.secret.needsPresent : sealed === true;
}

/** Refuses a decision about a row that was modified outside of Coffer, or whose version is missing, with an event. */
export function refuseUnsound(
  parts: EventParts,
  action: AuditAction,
  found: FoundCredential,
  details?: AuditEventDetails,
): Refusal {
  const { id, workspaceId } = found.credential;
  const refusal = found.isGenuine
    ? versionMissing(found.credential)
    : credentialUnreadable(`credential ${id} of workspace ${workspaceId} was changed outside of Coffer`);
  return { event: credentialEvent(parts, action, id, 'FAILED', details), refusal };
}

/** Seals a secret as the credential's current version. */
export function sealCurrentVersion(
  { call, cipher }: SealingParts<'credentials.write'>,
  credential: Credential,
  secret: Secret,
): SealedVersion {
  const { workspaceId, id: credentialId, currentVersion: version, updatedAt: createdAt } = credential;
  const sealed = seal(cipher, { workspaceId, credentialId, version }, secret);
  return { version, ...sealed, createdBy: call.caller.userId, createdAt };
}

function seal(cipher: WorkspaceCipher, identity: RecordIdentity, secret: Secret) {
  try {
    return cipher.seal(identity, secret);
  } catch (error) {
    throw workspaceKeyUnreadable(error);
  }
}

/** The event of an action on a credential. */
export function credentialEvent(
  parts: EventParts,
  action: AuditAction,
  resourceId: string | null,
  outcome: AuditOutcome = 'OK',
  details: AuditEventDetails = {},
): AuditEvent {
  return auditEvent(parts, parts.call, { action, resourceKind: 'credential', resourceId, outcome, ...details });
}

/** @throws VaultError `etag_stale` if etags are given, and the present one is not among them */
export function checkEtag(credential: Credential, etags: readonly string[] | undefined): void {
  const current = etagOf(credential);
  if (etags === undefined || etags.includes(current)) return;
  throw new VaultError('etag_stale', `the credential has changed: its etag is ${current}`, { etag: current });
}

function sameMetadata(one: Credential, other: Credential): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
