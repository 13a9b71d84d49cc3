import { mayReveal, type Call } from '../caller.ts';
import { checkMergedSecret, checkSecret, checkDraft, type CredentialDraft } from './credential-rules.ts';
import type { Credential } from './credential.ts';
import { credentialUnreadable, VaultError } from '../errors.ts';
import { sameJson } from '../json.ts';
import type { FoundCredential } from './ports.ts';
import type { RecordIdentity, WorkspaceCipher } from '../workspaces/ports.ts';
import type { Secret } from '../secret.ts';
import type { CredentialUpdate } from './credential-decisions.ts';

/** Members of a draft that an update changes; what is absent stays. */
export type CredentialChange = Partial<Omit<CredentialDraft, 'nameIsExclusive' | 'isActive'>>;

/** A change that depends on what is changed. Synchronous and pure, since it may be called several times. */
export type CredentialChangeMaker = (current: Credential) => CredentialChange;

/**
 * The provider name that a credential has after a caller sent one: the present one where the sent one is another name of the
 * same provider.
 */
export type ProviderAfter = (present: string, sent: string) => string;

/** How a credential is updated, beside its metadata. */
export interface UpdateOptions {
  /** Where given, the update is made only to a state that one of them is of. */
  readonly etags?: readonly string[] | undefined;
  /** Makes the new secret of the present one, which no other call can change meanwhile. */
  readonly secret?: SecretChange | undefined;
}

/** The update that a change of metadata is; what it makes is held against the limits. */
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

/** A change of a secret. What it makes is made synchronously and without side effects, since it may be made several times. */
export interface SecretChange {
  /** What the caller sent. Where the present secret cannot be read, this is the new one, unless it needs the present one. */
  readonly sent: Secret;
  /** Whether something in `sent` stands for a present value. */
  readonly needsPresent: boolean;
  /** Makes the new secret of the present one. */
  readonly merge: (present: Secret, credential: Credential) => MergedSecret;
}

/** A secret that was made of the present one and of what a caller sent. */
export interface MergedSecret {
  readonly secret: Secret;
  /** Whether values of the present secret are in it, so that its size depends on theirs. */
  readonly keepsPresent: boolean;
}

/** How a secret is changed, and what opens the present one and seals the new one. */
export interface Resealing {
  readonly cipher: WorkspaceCipher;
  readonly secret: SecretChange;
}

/** The change by which a secret replaces the present one, whatever that is. */
export function replaceSecret(secret: Secret): SecretChange {
  return { sent: secret, needsPresent: false, merge: () => ({ secret, keepsPresent: false }) };
}

/**
 * The new secret, held against the limits; undefined where a caller who may reveal sends the present one again; an error where
 * the present one is needed and does not open.
 *
 * A caller who may not reveal learns nothing of the present secret by it: neither whether the new one equals it, since it is
 * new in any case, nor how long it is beyond its padded length.
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
  // One that was made without fields may stay so.
  checkSecret(secret, secretBytesMax, Object.keys(present.expose()).length === 0);
  return reveals && sameJson(secret.expose(), present.expose()) ? undefined : secret;
}

/** Opens the current version in its place; answers the error where there is none, or its bytes do not open. */
export function openCurrentVersion(
  cipher: WorkspaceCipher,
  { credential, current }: FoundCredential,
): Secret | VaultError {
  if (!current) return versionMissing(credential);
  const { workspaceId, id: credentialId } = credential;
  return openVersion(cipher, { workspaceId, credentialId, version: current.version }, current.sealed);
}

/** The refusal where the current version of a credential is not in the database. */
export function versionMissing({ id, workspaceId, currentVersion }: Credential): VaultError {
  const what = `version ${currentVersion} of credential ${id} of workspace ${workspaceId}`;
  return credentialUnreadable(`${what} is missing: it was removed outside of Coffer`);
}

function openVersion(cipher: WorkspaceCipher, identity: RecordIdentity, sealed: Uint8Array): Secret | VaultError {
  try {
    return cipher.open(identity, sealed);
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
}
