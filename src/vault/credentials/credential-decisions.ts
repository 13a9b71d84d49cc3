import { auditEvent, type AuditAction, type AuditEvent, type AuditOutcome } from '../audit/audit-event.ts';
import { mayReveal, type Call, checkVisible } from '../caller.ts';
import type { CredentialDraft } from './credential-rules.ts';
import { etagOf, stateOf, type Credential, type SealedVersion } from './credential.ts';
import { credentialUnreadable, notFound, VaultError, workspaceKeyUnreadable } from '../errors.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { newSecretOf, openCurrentVersion, versionMissing, type Resealing } from './credential-change.ts';
import type { Clock } from '../time.ts';
import type { Decision, FoundCredential, RevocationCheck } from './ports.ts';
import type { IdSource } from '../ids.ts';
import type { RecordIdentity, WorkspaceCipher } from '../workspaces/ports.ts';
import type { Secret } from '../secret.ts';

/** What a decision about a credential works with. */
export interface DecisionParts {
  readonly call: Call;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** The greatest secret, in bytes of its JSON. */
  readonly secretBytesMax: number;
}

/** The same, and what opens and seals the secrets of the call's workspace. */
export interface SealingParts extends DecisionParts {
  readonly cipher: WorkspaceCipher;
}

/** A credential with its current secret as it is stored: ciphertext. */
export interface SealedCredential {
  readonly credential: Credential;
  readonly version: SealedVersion;
}

/** A secret in clear, with the credential that it belongs to. */
export interface RevealedSecret {
  readonly credential: Credential;
  readonly version: number;
  readonly secret: Secret;
}

/** Which fields a credential's secret has, and the values of those that are no secrets. */
export interface DescribedSecret {
  readonly credential: Credential;
  readonly fieldNames: readonly string[];
  /** Only fields that `PlainField` lets pass, and none where the caller may not reveal. */
  readonly plainFields: JsonObject;
}

/** Whether a field of a secret is no secret itself, such as the name of a deployment. */
export type PlainField = (credential: Credential, name: string, value: JsonValue) => boolean;

/** What an update is to change. */
export interface CredentialUpdate {
  /** The event's, where no version is added. */
  readonly action: AuditAction;
  /** Where given, the change is made only to a state that one of them is of. */
  readonly etags?: readonly string[] | undefined;
  readonly change: (current: Credential) => Credential;
  /** Where the secret changes as well. */
  readonly resealing?: Resealing | undefined;
  /** The current version is wanted, also where the secret does not change. */
  readonly sealed?: boolean;
}

/** Makes a credential and its first version, for adding them. */
export function newSealedCredential(
  parts: SealingParts,
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
    revision: 1,
    origin: call.dialect,
    createdBy: call.caller.userId,
    createdAt: now,
    updatedAt: now,
    deletedAt: null,
  };
  return { credential, version: sealCurrentVersion(parts, credential, secret) };
}

/** Decides to add a credential. */
export function decideCreation(parts: DecisionParts, created: SealedCredential): Decision<SealedCredential> {
  checkVisible(parts.call, created.credential);
  const event = credentialEvent(parts, 'credentials.create', created.credential.id);
  return { insert: created, event, answer: created };
}

/**
 * Decides to bring a deleted credential back as if it were new: all that is chosen of it is replaced, and its secret is
 * the next version. Its uses stay counted.
 */
export function decideRecreation(
  parts: SealingParts,
  deleted: Credential,
  draft: CredentialDraft,
  secret: Secret,
): Decision<SealedCredential> {
  const credential = {
    ...newSealedCredential(parts, draft, secret, deleted.id).credential,
    lastUsedAt: deleted.lastUsedAt,
    useCount: deleted.useCount,
    currentVersion: deleted.currentVersion + 1,
    revision: deleted.revision + 1,
  };
  checkVisible(parts.call, credential);
  const recreated = { credential, version: sealCurrentVersion(parts, credential, secret) };
  const event = credentialEvent(parts, 'credentials.create', credential.id);
  return { update: recreated, event, answer: recreated };
}

/**
 * Decides an update. What changes nothing writes nothing but its event; a secret with the very same fields adds no version,
 * unless its caller may not reveal and would learn by that that they are the same.
 *
 * @returns the version that was found or added; a refusal where the present secret is needed and does not open
 * @throws VaultError `etag_stale`, `invalid_argument` for the secret, and what the functions of the update throw
 */
export function decideUpdate(
  parts: DecisionParts,
  found: FoundCredential,
  update: CredentialUpdate,
): Decision<{ readonly credential: Credential; readonly version: SealedVersion | undefined }> {
  const { credential: present, current } = found;
  if (!found.isGenuine || (!current && needsCurrent(update))) {
    return refuseUnsound(parts, update.resealing ? 'secrets.add_version' : update.action, found);
  }
  checkEtag(present, update.etags);
  const secret = update.resealing && newSecretOf(parts, update.resealing, found);
  if (secret instanceof VaultError) {
    return { event: credentialEvent(parts, 'secrets.add_version', present.id, 'FAILED'), refusal: secret };
  }
  const changed = update.change(present);
  checkVisible(parts.call, changed);
  const event = credentialEvent(parts, secret ? 'secrets.add_version' : update.action, present.id);
  if (!secret && sameMetadata(changed, present)) return { event, answer: { credential: present, version: current } };
  const progress = { revision: present.revision + 1, updatedAt: parts.clock.now() };
  if (!update.resealing || !secret) {
    const credential = { ...changed, ...progress };
    return { update: { credential }, event, answer: { credential, version: current } };
  }
  const credential = { ...changed, ...progress, currentVersion: present.currentVersion + 1 };
  const version = sealCurrentVersion({ ...parts, ...update.resealing }, credential, secret);
  return { update: { credential, version }, event, answer: { credential, version } };
}

/** Decides to answer the secret of an active credential; a refusal tells of itself in the trail as well. */
export function decideReveal(parts: SealingParts, now: Date, found: FoundCredential): Decision<RevealedSecret> {
  const { credential, current: version, isGenuine } = found;
  if (!isGenuine || !version) return refuseUnsound(parts, 'secrets.reveal', found);
  const event = (outcome: AuditOutcome) => credentialEvent(parts, 'secrets.reveal', credential.id, outcome);
  const refusal = refusalToReveal(credential, now);
  if (refusal) return { event: event('DENIED'), refusal };
  const secret = openCurrentVersion(parts.cipher, found);
  if (secret instanceof VaultError) return { event: event('FAILED'), refusal: secret };
  return { event: event('OK'), answer: { credential, version: version.version, secret } };
}

/**
 * What proved the caller, for looking once more before a secret leaves: he may have been found in memory. Undefined where
 * nothing was looked up that could end.
 */
export function revocationCheckOf(parts: DecisionParts): RevocationCheck | undefined {
  const { caller } = parts.call;
  const id = caller.kind === 'api_key' ? caller.id : caller.sessionId;
  if (id === null) return undefined;
  return {
    id,
    refuse: (credential) => ({
      event: credentialEvent(parts, 'secrets.reveal', credential.id, 'DENIED'),
      refusal: new VaultError('token_invalid', 'Token revoked'),
    }),
  };
}

/** Decides to name the fields of a secret, whatever the credential's state; the trail records that it was opened for that. */
export function decideDescription(
  parts: SealingParts,
  found: FoundCredential,
  isPlain: PlainField,
): Decision<DescribedSecret> {
  const { credential, current: version, isGenuine } = found;
  if (!isGenuine || !version) return refuseUnsound(parts, 'secrets.describe', found);
  const event = (outcome: AuditOutcome) => credentialEvent(parts, 'secrets.describe', credential.id, outcome);
  const secret = openCurrentVersion(parts.cipher, found);
  if (secret instanceof VaultError) return { event: event('FAILED'), refusal: secret };
  const fields = Object.entries(secret.expose());
  // Who may change a provider could make any field a plain one, so that these need the right to reveal as well.
  const plain = mayReveal(parts.call) ? fields.filter(([name, value]) => isPlain(credential, name, value)) : [];
  const described = { credential, fieldNames: fields.map(([name]) => name), plainFields: Object.fromEntries(plain) };
  return { event: event('OK'), answer: described };
}

/** Whether an update cannot do without the current version; a whole new secret takes its place where it is missing. */
function needsCurrent({ resealing, sealed }: CredentialUpdate): boolean {
  return resealing ? resealing.secret.needsPresent : sealed === true;
}

/** Refuses to decide by a row that is not as it was written, or whose version is missing; the trail tells of it. */
function refuseUnsound(parts: DecisionParts, action: AuditAction, found: FoundCredential): Decision<never> {
  const { id, workspaceId } = found.credential;
  const refusal = found.isGenuine
    ? versionMissing(found.credential)
    : credentialUnreadable(`credential ${id} of workspace ${workspaceId} was changed outside of Coffer`);
  return { event: credentialEvent(parts, action, id, 'FAILED'), refusal };
}

/** Seals a secret as the version that is the credential's current one. */
function sealCurrentVersion({ call, cipher }: SealingParts, credential: Credential, secret: Secret): SealedVersion {
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

function credentialEvent(
  parts: DecisionParts,
  action: AuditAction,
  resourceId: string,
  outcome: AuditOutcome = 'OK',
): AuditEvent {
  return auditEvent(parts, parts.call, { action, resourceKind: 'credential', resourceId, outcome });
}

function refusalToReveal(credential: Credential, now: Date): VaultError | undefined {
  const state = stateOf(credential, now);
  if (state === 'EXPIRED') return new VaultError('credential_expired', 'Credential has expired');
  if (state === 'INACTIVE') return new VaultError('credential_inactive', 'Credential is not active');
  return state === 'DELETED' ? notFound('credential', credential.id) : undefined;
}

function checkEtag(credential: Credential, etags: readonly string[] | undefined): void {
  const current = etagOf(credential);
  if (etags === undefined || etags.includes(current)) return;
  throw new VaultError('etag_stale', `the credential has changed: its etag is ${current}`, { etag: current });
}

function sameMetadata(one: Credential, other: Credential): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
