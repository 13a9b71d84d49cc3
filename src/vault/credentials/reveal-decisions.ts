import { type AuditAction, type AuditOutcome } from '../audit/audit-event.ts';
import { mayReveal } from '../caller.ts';
import { notFound, VaultError } from '../errors.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Secret } from '../secret.ts';
import type { WorkspaceCipher } from '../workspaces/ports.ts';
import { openCurrentVersion } from './credential-change.ts';
import { stateOf, type Credential } from './credential.ts';
import type { Decision, FoundCredential, RevocationCheck } from './decision-ports.ts';
import { type EventParts, type SealingParts, refuseUnsound, credentialEvent } from './credential-decisions.ts';

/** How a secret is revealed. */
export interface RevealOptions {
  /** Why, as the caller states it, for the event: at most 255 characters. */
  readonly purpose?: string | undefined;
  /** The number of the version; 0, the default, is the current one. */
  readonly version?: number | undefined;
}

/** What a reveal is decided with. */
export interface RevealParts extends EventParts<'secrets.reveal'> {
  readonly cipher: WorkspaceCipher;
  /** Null if the caller states none. */
  readonly purpose: string | null;
  /** The only field that is returned, for the event; null for all of them. */
  readonly field: string | null;
}

/** A secret in clear, with its credential. */
export interface RevealedSecret {
  readonly credential: Credential;
  readonly version: number;
  readonly secret: Secret;
}

/** The names of a secret's fields, and the values of the fields that are not secret. */
export interface DescribedSecret {
  readonly credential: Credential;
  readonly fieldNames: readonly string[];
  /** The fields that `PlainField` accepts; empty if the caller may not reveal. */
  readonly plainFields: JsonObject;
}

/** Whether a field of a secret is not secret itself, such as the name of a deployment. */
export type PlainField = (credential: Credential, name: string, value: JsonValue) => boolean;

/** Decides to return the secret of an active credential. A refusal has its event in the trail as well. */
export function decideReveal(parts: RevealParts, now: Date, found: FoundCredential): Decision<RevealedSecret> {
  const { credential, current: version, isGenuine } = found;
  const { purpose, field } = parts;
  if (!isGenuine || !version) return refuseUnsound(parts, 'secrets.reveal', found, { purpose, field });
  const details = { purpose, version: version.version, field };
  const event = (outcome: AuditOutcome) => credentialEvent(parts, 'secrets.reveal', credential.id, outcome, details);
  const refusal = refusalToReveal(credential, now);
  if (refusal) return { event: event('DENIED'), refusal };
  const secret = openCurrentVersion(parts.cipher, found);
  if (secret instanceof VaultError) return { event: event('FAILED'), refusal: secret };
  return { event: event('OK'), answer: { credential, version: version.version, secret } };
}

/**
 * The check, in the transaction of a reveal, that the caller's key or session has not been revoked since it was authenticated,
 * perhaps from memory. Undefined for a caller who was authenticated by neither.
 */
export function revocationCheckOf(
  parts: Omit<RevealParts, 'cipher'>,
  action: AuditAction = 'secrets.reveal',
): RevocationCheck | undefined {
  const { call, purpose, field } = parts;
  const { caller } = call;
  const id = caller.kind === 'api_key' ? caller.id : caller.sessionId;
  if (id === null) return undefined;
  return {
    id,
    refuse: (credential) => ({
      event: credentialEvent(parts, action, credential?.id ?? null, 'DENIED', { purpose, field }),
      refusal: new VaultError('token_invalid', 'Token revoked'),
    }),
  };
}

/** Decides to list the names of a secret's fields in every state of the credential. The trail records that it was opened. */
export function decideDescription(
  parts: SealingParts<'credentials.read'>,
  found: FoundCredential,
  isPlain: PlainField,
): Decision<DescribedSecret> {
  const { credential, current: version, isGenuine } = found;
  if (!isGenuine || !version) return refuseUnsound(parts, 'secrets.describe', found);
  const event = (outcome: AuditOutcome) => credentialEvent(parts, 'secrets.describe', credential.id, outcome);
  const secret = openCurrentVersion(parts.cipher, found);
  if (secret instanceof VaultError) return { event: event('FAILED'), refusal: secret };
  const fields = Object.entries(secret.expose());
  // Plain fields need the right to reveal as well: a caller who may change the provider could make any field a plain one.
  const plain = mayReveal(parts.call) ? fields.filter(([name, value]) => isPlain(credential, name, value)) : [];
  const described = { credential, fieldNames: fields.map(([name]) => name), plainFields: Object.fromEntries(plain) };
  return { event: event('OK'), answer: described };
}

/** Why a credential in its present state is not revealed, if it is not. */
export function refusalToReveal(credential: Credential, now: Date): VaultError | undefined {
  const state = stateOf(credential, now);
  if (state === 'EXPIRED') return new VaultError('credential_expired', 'Credential has expired');
  if (state === 'INACTIVE') return new VaultError('credential_inactive', 'Credential is not active');
  return state === 'DELETED' ? notFound('credential', credential.id) : undefined;
}
