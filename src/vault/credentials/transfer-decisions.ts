import { checkVisible } from '../caller.ts';
import { VaultError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { openCurrentVersion } from './credential-change.ts';
import {
  checkEtag,
  credentialEvent,
  decideCreation,
  decideUpdate,
  newSealedCredential,
  refuseUnsound,
  sealCurrentVersion,
  type ResealedCredential,
  type SealingParts,
} from './credential-decisions.ts';
import type { Credential } from './credential.ts';
import { purgeTimeOf } from './lifecycle.ts';
import type { Decision, FoundCredential, Refusal } from './decision-ports.ts';

/** What a copy or a move decides with: the call in both workspaces, and their ciphers. */
export interface TransferParts {
  readonly source: SealingParts<'secrets.reveal'>;
  readonly destination: SealingParts<'credentials.write'>;
  /** The name at the destination; the present one if absent. */
  readonly name: string | undefined;
  readonly etags: readonly string[] | undefined;
}

/** As `TransferParts`, for a move. */
export interface MoveParts extends TransferParts {
  readonly source: SealingParts<'secrets.reveal'> & SealingParts<'credentials.write'>;
}

/** At the source, and at the destination. */
export type TransferDecisions = readonly (Decision<ResealedCredential> | VaultError)[];

/**
 * Decides to copy a credential: a new one with its metadata and current secret, in the same state.
 *
 * @throws VaultError `permission_denied` if the copy is not within the scope of the caller's key
 */
export function decideCopy(parts: TransferParts, found: FoundCredential, copyId: string): TransferDecisions {
  const { source, destination, name } = parts;
  const secret = openOrRefuse(source, 'credentials.copy', found);
  if ('refusal' in secret) return [secret, secret.refusal];
  const { credential } = found;
  checkEtag(credential, parts.etags);
  const draft = { ...credential, name: name ?? credential.name };
  const { credential: copy, version } = newSealedCredential(destination, draft, secret.opened, copyId);
  const event = credentialEvent(source, 'credentials.copy', credential.id, 'OK', { relatedId: copyId });
  return [
    { event, answer: { credential, version: undefined } },
    decideCreation(destination, { credential: { ...copy, origin: credential.origin }, version }),
  ];
}

/**
 * Decides to move a credential. It continues at the next revision and version of both places: otherwise ciphertext of an old backup
 * would open in its place.
 *
 * @param present what the destination has of this id
 * @throws VaultError `etag_stale`, `id_taken` unless only a purged credential is there, `permission_denied`
 */
export function decideMove(
  parts: MoveParts,
  found: FoundCredential,
  present: FoundCredential | undefined,
): TransferDecisions {
  const { source, destination } = parts;
  const secret = openOrRefuse(source, 'credentials.move', found);
  if ('refusal' in secret) return [secret, secret.refusal];
  const { credential } = found;
  checkEtag(credential, parts.etags);
  const deletedAt = source.clock.now();
  const purgeAt = purgeTimeOf(deletedAt, source.lifecycle);
  const change = (current: Credential) => ({ ...current, deletedAt, purgeAt });
  const deletion = decideUpdate(source, found, { action: 'credentials.move', change });
  const { id } = credential;
  return [
    { ...deletion, event: { ...deletion.event, relatedId: id } },
    decideArrival(destination, movedCredential(parts, credential, present?.credential), secret.opened, present),
  ];
}

function movedCredential(
  { destination, name }: Pick<TransferParts, 'destination' | 'name'>,
  source: Credential,
  purged: Credential | undefined,
): Credential {
  const currentVersion = Math.max(source.currentVersion, purged?.currentVersion ?? 0) + 1;
  return {
    ...source,
    workspaceId: destination.call.workspaceId,
    name: name ?? source.name,
    currentVersion,
    // Only the current version is moved.
    oldestVersion: currentVersion,
    revision: Math.max(source.revision, purged?.revision ?? 0) + 1,
    updatedAt: destination.clock.now(),
  };
}

function decideArrival(
  parts: SealingParts<'credentials.write'>,
  credential: Credential,
  secret: Secret,
  present: FoundCredential | undefined,
): Decision<ResealedCredential> | VaultError {
  checkVisible(parts.call, credential);
  if (present && !present.isGenuine) return refuseUnsound(parts, 'credentials.create', present);
  const { id, workspaceId } = credential;
  if (present && present.credential.purgedAt === null) {
    return new VaultError('id_taken', 'a credential of this id exists', {
      resource: 'credential',
      id,
      workspace: workspaceId,
    });
  }
  const arrived = { credential, version: sealCurrentVersion(parts, credential, secret) };
  const event = credentialEvent(parts, 'credentials.create', id);
  return present ? { update: arrived, event, answer: arrived } : { insert: arrived, event, answer: arrived };
}

/** Refuses a transfer because the caller's key or session was revoked since it was authenticated. */
export function refuseRevoked(
  { source }: TransferParts,
  action: 'credentials.copy' | 'credentials.move',
  { id }: Credential,
): TransferDecisions {
  const refusal = new VaultError('token_invalid', 'Token revoked');
  return [{ event: credentialEvent(source, action, id, 'DENIED'), refusal }, refusal];
}

function openOrRefuse(
  parts: SealingParts<'secrets.reveal'>,
  action: 'credentials.copy' | 'credentials.move',
  found: FoundCredential,
): Refusal | { readonly opened: Secret } {
  if (!found.isGenuine || !found.current) return refuseUnsound(parts, action, found);
  const opened = openCurrentVersion(parts.cipher, found);
  if (!(opened instanceof VaultError)) return { opened };
  return { event: credentialEvent(parts, action, found.credential.id, 'FAILED'), refusal: opened };
}
