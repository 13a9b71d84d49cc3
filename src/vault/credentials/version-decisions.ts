import assert from 'node:assert/strict';
import type { AuditAction, AuditEvent, AuditEventDetails, AuditOutcome } from '../audit/audit-event.ts';
import { credentialUnreadable, VaultError } from '../errors.ts';
import { sameJson } from '../json.ts';
import type { Secret } from '../secret.ts';
import type { WorkspaceCipher } from '../workspaces/ports.ts';
import { openVersion, versionMissing } from './credential-change.ts';
import {
  addVersion,
  checkEtag,
  credentialEvent,
  refuseUnsound,
  type DecisionParts,
  type SealedCredential,
  type SealingParts,
} from './credential-decisions.ts';
import { refusalToReveal, type RevealedSecret, type RevealParts } from './reveal-decisions.ts';
import type { Credential, StoredVersion, VersionRecord } from './credential.ts';
import type { Decision, FoundCredential, Refusal } from './decision-ports.ts';

/** A version, and its credential after the change. */
export interface ChangedVersion {
  readonly credential: Credential;
  readonly version: VersionRecord;
}

/** How a field of a secret differs between two versions. */
export interface FieldComparison {
  readonly name: string;
  /** `ADDED` if only the second version has it, `REMOVED` if only the first has it. */
  readonly change: 'SAME' | 'CHANGED' | 'ADDED' | 'REMOVED';
}

/** What a change of versions requires. */
interface Required {
  /** If given, the present etag must be one of these. */
  readonly etags?: readonly string[] | undefined;
}

/** Names a version to be changed. */
export interface VersionChange extends Required {
  /** Its number; 0 for the current one. */
  readonly version: number;
}

/**
 * Decides to store a secret as the next version, also if it equals the present one: a caller who may not reveal would otherwise
 * learn that it does.
 *
 * @throws VaultError `etag_stale`, `resource_exhausted`
 */
export function decideAddition(
  parts: SealingParts<'credentials.write'>,
  found: FoundCredential,
  { secret, etags }: Required & { readonly secret: Secret },
): Decision<SealedCredential> {
  const action = 'secrets.add_version';
  if (!found.isGenuine) return refuseUnsound(parts, action, found);
  checkEtag(found.credential, etags);
  return addVersion(parts, found, { changed: progressOf(parts, found.credential), secret, action });
}

/**
 * Decides to seal the content of a version once more as the next one.
 *
 * @throws VaultError `etag_stale`, `failed_precondition`, `resource_exhausted`
 */
export function decideRestoration(
  parts: SealingParts<'credentials.write'>,
  found: FoundCredential,
  { version, etags }: VersionChange,
): Decision<SealedCredential> {
  const action = 'secrets.restore_version';
  if (!found.isGenuine) return refuseUnsound(parts, action, found);
  checkEtag(found.credential, etags);
  const secret = openNumbered(parts.cipher, found, version);
  if (secret instanceof VaultError) return refuseVersion(parts, action, { found, version, refusal: secret });
  const about = version || found.credential.currentVersion;
  return addVersion(parts, found, { changed: progressOf(parts, found.credential), secret, action, about });
}

/**
 * Decides to destroy the content of a version; its row remains.
 *
 * @throws VaultError `etag_stale`, `failed_precondition`
 */
export function decideDestruction(
  parts: DecisionParts<'credentials.purge'>,
  found: FoundCredential,
  { version, etags }: VersionChange,
): Decision<ChangedVersion> {
  const action = 'secrets.destroy_version';
  const { credential: present } = found;
  if (!found.isGenuine) return refuseUnsound(parts, action, found);
  checkEtag(present, etags);
  if (version === 0 || version === present.currentVersion) {
    throw new VaultError('failed_precondition', 'the current version cannot be destroyed', {
      reason: 'VERSION_IS_CURRENT',
    });
  }
  const stored = findGenuine(found, version);
  if (stored instanceof VaultError) return refuseVersion(parts, action, { found, version, refusal: stored });
  const credential = progressOf(parts, present);
  const { createdAt, createdBy } = stored;
  return {
    update: { credential, destroyed: stored },
    event: credentialEvent(parts, action, present.id, 'OK', { version }),
    answer: { credential, version: { version, createdAt, createdBy, isDestroyed: true } },
  };
}

/** Decides to return the secret of a version of an active credential. A refusal has its event in the trail as well. */
export function decideVersionReveal(
  parts: RevealParts,
  now: Date,
  found: FoundCredential,
  version: number,
): Decision<RevealedSecret> {
  const { purpose, field } = parts;
  const details = { purpose, version, field };
  const opened = openActive(parts, now, { found, versions: [version], action: 'secrets.reveal', details });
  if ('refusal' in opened) return opened;
  const [secret] = opened.secrets;
  assert(secret, 'the version was opened');
  return { event: opened.event, answer: { credential: found.credential, version, secret } };
}

/**
 * Decides to compare two versions of an active credential field by field. Both are opened in memory, since a stored fingerprint
 * would let values be guessed. A refusal has its event in the trail as well.
 */
export function decideComparison(
  parts: RevealParts,
  now: Date,
  found: FoundCredential,
  versions: readonly [version: number, other: number],
): Decision<readonly FieldComparison[]> {
  const details = { version: versions[0] || found.credential.currentVersion };
  const opened = openActive(parts, now, { found, versions, action: 'secrets.compare_versions', details });
  if ('refusal' in opened) return opened;
  const [one, other] = opened.secrets;
  assert(one && other, 'both versions were opened');
  return { event: opened.event, answer: compareFields(one, other) };
}

/** The fields of the first secret in their order, then those that only the other one has. */
function compareFields(one: Secret, other: Secret): readonly FieldComparison[] {
  const before = new Map(Object.entries(one.expose()));
  const after = new Map(Object.entries(other.expose()));
  const kept = [...before].map(([name, value]): FieldComparison => {
    const counterpart = after.get(name);
    if (counterpart === undefined) return { name, change: 'REMOVED' };
    return { name, change: sameJson(value, counterpart) ? 'SAME' : 'CHANGED' };
  });
  const added = [...after.keys()].filter((name) => !before.has(name));
  return [...kept, ...added.map((name): FieldComparison => ({ name, change: 'ADDED' }))];
}

/** What is opened, and the event that records it. */
interface Opening {
  readonly found: FoundCredential;
  readonly versions: readonly number[];
  readonly action: AuditAction;
  readonly details: AuditEventDetails;
}

/** Opens versions of a credential if it is active. */
function openActive(
  parts: RevealParts,
  now: Date,
  { found, versions, action, details }: Opening,
): Refusal | { readonly event: AuditEvent; readonly secrets: readonly Secret[] } {
  const { credential } = found;
  if (!found.isGenuine) return refuseUnsound(parts, action, found, details);
  const event = (outcome: AuditOutcome) => credentialEvent(parts, action, credential.id, outcome, details);
  const refusal = refusalToReveal(credential, now);
  if (refusal) return { event: event('DENIED'), refusal };
  const secrets: Secret[] = [];
  for (const version of versions) {
    const opened = openNumbered(parts.cipher, found, version);
    if (opened instanceof VaultError) return { event: event(isFailure(opened) ? 'FAILED' : 'DENIED'), refusal: opened };
    secrets.push(opened);
  }
  return { event: event('OK'), secrets };
}

/** Opens a version; returns the error if it has no content, or does not open. */
function openNumbered(cipher: WorkspaceCipher, found: FoundCredential, version: number): Secret | VaultError {
  const stored = findNumbered(found, version);
  if (stored instanceof VaultError) return stored;
  const { workspaceId, id: credentialId } = found.credential;
  return openVersion(cipher, { workspaceId, credentialId, version: stored.version }, stored.sealed);
}

/** As `findNumbered`, for a row that is about to be signed anew. */
function findGenuine(found: FoundCredential, version: number): StoredVersion | VaultError {
  const stored = findNumbered(found, version);
  if (stored instanceof VaultError || stored.isGenuine) return stored;
  const { id, workspaceId } = found.credential;
  const what = `version ${version} of credential ${id} of workspace ${workspaceId}`;
  return credentialUnreadable(`${what} was changed outside of Coffer`);
}

/** A version that has its content; otherwise the error with the reason. */
function findNumbered(
  { credential, versions }: FoundCredential,
  version: number,
): (StoredVersion & { readonly sealed: Uint8Array }) | VaultError {
  const number = version || credential.currentVersion;
  if (number > credential.currentVersion || number < (credential.oldestVersion ?? 1)) {
    return new VaultError('failed_precondition', `version ${number} does not exist, or was pruned`, {
      reason: 'VERSION_NOT_FOUND',
    });
  }
  const stored = versions?.get(version);
  if (!stored) return versionMissing(credential, number);
  const { sealed } = stored;
  if (sealed === null)
    return new VaultError('failed_precondition', `version ${number} was destroyed`, { reason: 'VERSION_DESTROYED' });
  return { ...stored, sealed };
}

interface RefusedVersion {
  readonly found: FoundCredential;
  readonly version: number;
  readonly refusal: VaultError;
}

/** Refuses a change with an event if stored bytes do not open, and otherwise without one. */
function refuseVersion(
  parts: DecisionParts,
  action: AuditAction,
  { found, version, refusal }: RefusedVersion,
): Refusal {
  if (!isFailure(refusal)) throw refusal;
  return { event: credentialEvent(parts, action, found.credential.id, 'FAILED', { version }), refusal };
}

function isFailure({ code }: VaultError): boolean {
  return code === 'secret_unreadable';
}

/** The credential at its next revision. */
function progressOf({ clock }: DecisionParts, credential: Credential): Credential {
  return { ...credential, revision: credential.revision + 1, updatedAt: clock.now() };
}
