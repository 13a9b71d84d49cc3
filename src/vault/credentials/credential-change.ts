import { mayReveal, type Call } from '../caller.ts';
import { credentialUnreadable, VaultError, workspaceKeyUnreadable } from '../errors.ts';
import { sameJson } from '../json.ts';
import type { Secret } from '../secret.ts';
import type { RecordIdentity, WorkspaceCipher, WorkspaceCipherSource } from '../workspaces/ports.ts';
import type { CredentialUpdate } from './credential-decisions.ts';
import { checkDraft, checkMergedSecret, checkSecret } from './credential-rules.ts';
import type { Credential, CredentialDraft } from './credential.ts';
import type { FoundCredential } from './decision-ports.ts';

/** Fields of a draft that an update changes; absent fields keep their values. */
export type CredentialChange = Partial<Omit<CredentialDraft, 'nameIsExclusive' | 'isActive'>>;

/** A change that depends on the present credential. Synchronous and pure, because it may run several times. */
export type CredentialChangeMaker = (current: Credential) => CredentialChange;

/**
 * The provider name that a credential has after an update: the present name if the sent one is another name of the same
 * provider.
 */
export type ProviderAfter = (present: string, sent: string) => string;

/** How a credential is updated, besides its metadata. */
export interface UpdateOptions {
  /** If given, the update requires that the present etag is one of these. */
  readonly etags?: readonly string[] | undefined;
  /** Derives the new secret from the present one, in the transaction of the update. */
  readonly secret?: SecretChange | undefined;
}

/** What a dialect permits of a secret beyond the common rules. */
export interface SecretRules {
  /** Whether the secret may have no fields. */
  readonly mayBeEmpty?: boolean;
}

/** A credential to be created with a given id. */
export interface GivenCreation extends SecretRules {
  /** A UUID of any version. */
  readonly id: string;
  readonly draft: CredentialDraft;
  readonly secret: Secret;
  /** Derives the new secret from the present one if the credential exists; without it, `secret` replaces the present one. */
  readonly merge?: SecretChange | undefined;
}

/** A change of a secret. It runs synchronously and without side effects, because it may run several times. */
export interface SecretChange {
  /** What the caller sent. If the present secret cannot be read, this becomes the new one, unless the change needs the present one. */
  readonly sent: Secret;
  /** Whether something in `sent` refers to a present value. */
  readonly needsPresent: boolean;
  /** Derives the new secret from the present one. */
  readonly merge: (present: Secret, credential: Credential) => MergedSecret;
}

/** A secret made of the present one and of what the caller sent. */
export interface MergedSecret {
  readonly secret: Secret;
  /** Whether it contains values of the present secret, so that its size depends on theirs. */
  readonly keepsPresent: boolean;
}

/** A change of a secret with the cipher that opens the present one and seals the new one. */
export interface Resealing {
  readonly cipher: WorkspaceCipher;
  readonly secret: SecretChange;
}

/** Creates the update for a change of metadata, whose result is checked against the limits. */
export function updateOf(
  change: CredentialChange | CredentialChangeMaker,
  { etags }: UpdateOptions,
  providerAfter: ProviderAfter,
): CredentialUpdate {
  return {
    action: 'credentials.update',
    etags,
    change: (current) => {
      const sent = typeof change === 'function' ? change(current) : change;
      const provider = providerAfter(current.provider, sent.provider ?? current.provider);
      const changed = { ...current, ...sent, provider };
      checkDraft(changed);
      return changed;
    },
  };
}

/** The change by which a secret replaces the present one entirely. */
export function replaceSecret(secret: Secret): SecretChange {
  return { sent: secret, needsPresent: false, merge: () => ({ secret, keepsPresent: false }) };
}

/**
 * Derives the new secret and checks it against the limits. The result is undefined if a caller who may reveal sends the present
 * secret again, and an error if the present secret is needed and does not open.
 *
 * A caller who may not reveal learns nothing about the present secret: neither whether it equals the new one, because the new
 * one is stored in any case, nor its length beyond the padded length.
 *
 * @throws VaultError `invalid_argument` for the secret, and what the change throws
 */
export function newSecretOf(
  { call, secretBytesMax }: { readonly call: Call; readonly secretBytesMax: number },
  { cipher, secret: change }: Resealing,
  found: FoundCredential,
): Secret | VaultError | undefined {
  const { credential, current } = found;
  const present = openCurrentVersion(cipher, found);
  if (present instanceof VaultError && change.needsPresent) return present;
  if (present instanceof VaultError || !current) {
    checkSecret(change.sent, secretBytesMax);
    return change.sent;
  }
  const { secret, keepsPresent } = change.merge(present, credential);
  const reveals = mayReveal(call);
  if (keepsPresent && !reveals) checkMergedSecret(cipher.paddedBytes(current.sealed), change.sent, secretBytesMax);
  // A secret that was created without fields may stay empty.
  checkSecret(secret, secretBytesMax, Object.keys(present.expose()).length === 0);
  return reveals && sameJson(secret.expose(), present.expose()) ? undefined : secret;
}

/**
 * The cipher of a workspace for a caller who stores a secret.
 *
 * @throws VaultError `secret_unreadable` with a message about the key, because the caller has asked for no secret
 */
export function cipherForWriting(ciphers: WorkspaceCipherSource, workspaceId: string): Promise<WorkspaceCipher> {
  return ciphers.cipherFor(workspaceId).catch((error: unknown) => {
    throw workspaceKeyUnreadable(error);
  });
}

/** Opens the current version; returns the error if it is missing or does not open. */
export function openCurrentVersion(
  cipher: WorkspaceCipher,
  { credential, current }: FoundCredential,
): Secret | VaultError {
  if (!current) return versionMissing(credential);
  const { workspaceId, id: credentialId } = credential;
  return openVersion(cipher, { workspaceId, credentialId, version: current.version }, current.sealed);
}

/** The refusal if a version of a credential, the current one by default, is not in the database. */
export function versionMissing({ id, workspaceId, currentVersion }: Credential, version = currentVersion): VaultError {
  const what = `version ${version} of credential ${id} of workspace ${workspaceId}`;
  return credentialUnreadable(`${what} is missing: it was removed outside of Coffer`);
}

/** Opens a version; returns the error if it does not open. */
export function openVersion(
  cipher: WorkspaceCipher,
  identity: RecordIdentity,
  sealed: Uint8Array,
): Secret | VaultError {
  try {
    return cipher.open(identity, sealed);
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
}
