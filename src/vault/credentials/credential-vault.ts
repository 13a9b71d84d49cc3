import assert from 'node:assert/strict';
import { authorize, type Call, isVisible } from '../caller.ts';
import {
  updateOf,
  type CredentialChange,
  type CredentialChangeMaker,
  type ProviderAfter,
  type UpdateOptions,
  replaceSecret,
  type SecretChange,
} from './credential-change.ts';
import {
  decideCreation,
  decideDescription,
  decideRecreation,
  decideReveal,
  decideUpdate,
  newSealedCredential,
  revocationCheckOf,
  type CredentialUpdate,
  type DescribedSecret,
  type PlainField,
  type RevealedSecret,
  type SealedCredential,
} from './credential-decisions.ts';
import { CredentialReader, credentialReferenceOf, nameReferenceOf } from './credential-reader.ts';
import { checkDraft, checkSecret, type CredentialDraft } from './credential-rules.ts';
import type { Credential, SealedVersion } from './credential.ts';
import { invalidArgument, notFound, VaultError, workspaceKeyUnreadable, type VaultErrorCode } from '../errors.ts';
import { parseId, type IdSource } from '../ids.ts';
import { limits } from '../limits.ts';
import type { Clock } from '../time.ts';
import type { CredentialReference, CredentialStore } from './ports.ts';
import type { WorkspaceCipherSource, WorkspaceCipher } from '../workspaces/ports.ts';
import type { Secret } from '../secret.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';

export type { DescribedSecret, PlainField, RevealedSecret, SealedCredential } from './credential-decisions.ts';
export type { CredentialPage, CredentialWalk } from './credential-reader.ts';
export type { CredentialChange, CredentialChangeMaker, UpdateOptions } from './credential-change.ts';

/** What the core of the vault works with. */
export interface CredentialVaultParts {
  readonly store: CredentialStore;
  readonly ciphers: WorkspaceCipherSource;
  readonly usage: UsageRecorder;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** The greatest secret, in bytes of its JSON. */
  readonly secretBytesMax: number;
  readonly providerAfter: ProviderAfter;
}

/** A credential whose id its creator chose. */
/** What a secret may be beyond what is common. */
export interface SecretRules {
  /** Whether it may have no field at all. */
  readonly mayBeEmpty?: boolean;
}

/** A credential to be created under a given id. */
export interface GivenCreation extends SecretRules {
  /** A UUID of any version. */
  readonly id: string;
  readonly draft: CredentialDraft;
  readonly secret: Secret;
  /** Makes the new secret of the present one where the credential exists; without it, `secret` replaces that. */
  readonly merge?: SecretChange | undefined;
}

/**
 * Creates, shows, changes and reveals credentials. Each method first authorizes the call in its workspace; ids may be in
 * either spelling, and one that is malformed, unknown, deleted or of another workspace is `not_found`.
 */
export class CredentialVault extends CredentialReader {
  readonly #parts: CredentialVaultParts;

  constructor(parts: CredentialVaultParts) {
    super(parts);
    this.#parts = parts;
  }

  /** @throws VaultError `invalid_argument`, or `name_taken` for an exclusive name */
  async createCredential(call: Call, draft: CredentialDraft, secret: Secret): Promise<Credential> {
    const { credential } = await this.createSealedCredential(call, draft, secret);
    return credential;
  }

  /** As `createCredential`; answers the sealed bytes, too, for the dialects that show them. */
  async createSealedCredential(
    call: Call,
    draft: CredentialDraft,
    secret: Secret,
    { mayBeEmpty = false }: SecretRules = {},
  ): Promise<SealedCredential> {
    authorize(call, 'credentials.write');
    this.#checkCreation(draft, secret, mayBeEmpty);
    const cipher = await this.#cipherForWriting(call.workspaceId);
    const parts = { ...this.#parts, call };
    const created = newSealedCredential({ ...parts, cipher }, draft, secret, this.#parts.ids.next());
    const { workspaceId, signal } = call;
    const target = { workspaceId, signal, ...(draft.nameIsExclusive && { exclusiveName: draft.name }) };
    return this.#parts.store.decide(target, () => decideCreation(parts, created));
  }

  /**
   * Creates a credential with a given id. Where the workspace has it already, its name, provider and secret are replaced;
   * one that was deleted comes back as if it were new. Other workspaces do not matter.
   *
   * @throws VaultError `invalid_argument`, also for what is no UUID, `name_taken`, or `id_taken` where the short spelling is
   *   that of another credential
   */
  async createOrReplaceCredential(call: Call, creation: GivenCreation): Promise<SealedCredential> {
    authorize(call, 'credentials.write');
    const id = parseId(creation.id);
    if (id === undefined) throw invalidArgument('id', 'must be a UUID');
    this.#checkCreation(creation.draft, creation.secret, creation.mayBeEmpty === true);
    try {
      return await this.#createOrReplace(call, { ...creation, id });
    } catch (error) {
      // Another call may have created it in between, and then it is there to be replaced.
      if (!(error instanceof VaultError && error.code === 'id_taken')) throw error;
      return this.#createOrReplace(call, { ...creation, id });
    }
  }

  /**
   * Updates metadata and, where an option says how, the secret. The state does not matter.
   *
   * @throws VaultError `etag_stale`, `invalid_argument`, `name_taken`, or `secret_unreadable` where the present secret does
   *   not open and the change needs it, or where the workspace's key cannot be had
   */
  async updateCredential(
    call: Call,
    id: string,
    change: CredentialChange | CredentialChangeMaker,
    options: UpdateOptions = {},
  ): Promise<Credential> {
    const { credential } = await this.#change(call, {
      ...updateOf(change, options, this.#parts.providerAfter),
      id,
      secret: options.secret,
    });
    return credential;
  }

  /** As `updateCredential`; answers the sealed bytes, too, for the dialects that show them. */
  async updateSealedCredential(
    call: Call,
    id: string,
    change: CredentialChange | CredentialChangeMaker,
    options: UpdateOptions = {},
  ): Promise<SealedCredential> {
    return sealed(
      await this.#change(call, {
        ...updateOf(change, options, this.#parts.providerAfter),
        id,
        secret: options.secret,
        sealed: true,
      }),
    );
  }

  /** Lets a credential be revealed. It need not have been inactive. */
  async activateCredential(call: Call, id: string): Promise<Credential> {
    return this.#setActive(call, id, true);
  }

  /** Stops a credential from being revealed. It need not have been active. */
  async deactivateCredential(call: Call, id: string): Promise<Credential> {
    return this.#setActive(call, id, false);
  }

  /** Deletes softly: it is no longer shown or revealed, and its name is free. */
  async deleteCredential(call: Call, id: string, etags?: readonly string[]): Promise<Credential> {
    const deletedAt = this.#parts.clock.now();
    const change = (current: Credential) => ({ ...current, deletedAt });
    return (await this.#change(call, { id, action: 'credentials.delete', etags, change })).credential;
  }

  /**
   * Opens the current secret of an active credential. It is answered once the event of it is durable.
   *
   * @throws VaultError `credential_inactive`, `credential_expired`, or `secret_unreadable` where the bytes do not open
   */
  async revealSecret(call: Call, id: string): Promise<RevealedSecret> {
    authorize(call, 'secrets.reveal');
    return this.#reveal(call, id, credentialReferenceOf(id));
  }

  /** As `revealSecret`, of the credential that `describeByName` shows. */
  async revealByName(call: Call, name: string): Promise<RevealedSecret> {
    authorize(call, 'secrets.reveal');
    return this.#reveal(call, name, nameReferenceOf(name));
  }

  /**
   * Names the fields of the current secret, whatever the state, which takes no more than the right to read metadata. The values of
   * plain fields are added for callers who may reveal.
   *
   * @throws VaultError `secret_unreadable` where the bytes do not open
   */
  async describeSecret(call: Call, id: string, isPlain: PlainField = () => false): Promise<DescribedSecret> {
    authorize(call, 'credentials.read');
    const { workspaceId, signal } = call;
    const reference = credentialReferenceOf(id);
    const cipher = await this.#parts.ciphers.cipherFor(workspaceId);
    return this.#parts.store.decide({ workspaceId, reference, sealed: true, signal }, (found) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return decideDescription({ ...this.#parts, call, cipher }, found, isPlain);
    });
  }

  /**
   * Names the fields that the secrets of a provider have: of the credentials that were changed last, at most
   * `limits.describedAtOnce`. Each of them is opened for it; those that cannot be read are left out.
   */
  async describeFields(call: Call, provider: string): Promise<ReadonlySet<string>> {
    const page = { sortBy: 'updatedAt', order: 'descending', size: limits.describedAtOnce } as const;
    const credentials = await this.listCredentials(call, { ...page, providers: [provider] });
    const names = await Promise.all(credentials.map(async ({ id }) => this.#fieldNames(call, id)));
    return new Set(names.flat());
  }

  async #fieldNames(call: Call, id: string): Promise<readonly string[]> {
    try {
      return (await this.describeSecret(call, id)).fieldNames;
    } catch (error) {
      if (error instanceof VaultError && skippable.has(error.code)) return [];
      throw error;
    }
  }

  async #reveal(call: Call, id: string, reference: CredentialReference): Promise<RevealedSecret> {
    const { workspaceId, signal } = call;
    const { clock, ciphers, store, usage } = this.#parts;
    const parts = { ...this.#parts, call, cipher: await ciphers.cipherFor(workspaceId) };
    const now = clock.now();
    const revocationCheck = revocationCheckOf(parts);
    const revealed = await store.decide({ workspaceId, reference, sealed: true, revocationCheck, signal }, (found) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return decideReveal(parts, now, found);
    });
    usage.record(workspaceId, revealed.credential.id, now);
    return revealed;
  }

  async #setActive(call: Call, id: string, isActive: boolean): Promise<Credential> {
    const action = isActive ? 'credentials.activate' : 'credentials.deactivate';
    const change = (current: Credential) => ({ ...current, isActive });
    return (await this.#change(call, { id, action, change })).credential;
  }

  async #change(call: Call, { id, secret, ...update }: Change): Promise<Changed> {
    authorize(call, 'credentials.write');
    const { workspaceId, signal } = call;
    const reference = credentialReferenceOf(id);
    const resealing = secret && { cipher: await this.#cipherForWriting(workspaceId), secret };
    const target = { workspaceId, reference, lock: true, sealed: update.sealed ?? secret !== undefined, signal };
    return this.#parts.store.decide<Changed>(target, (found) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return decideUpdate({ ...this.#parts, call }, found, { ...update, resealing });
    });
  }

  async #createOrReplace(call: Call, { id, draft, secret, merge }: GivenCreation): Promise<SealedCredential> {
    const { workspaceId, signal } = call;
    const cipher = await this.#cipherForWriting(workspaceId);
    const parts = { ...this.#parts, call, cipher };
    const { name, provider } = draft;
    const resealing = { cipher, secret: merge ?? replaceSecret(secret) };
    const update = { ...updateOf({ name, provider }, {}, this.#parts.providerAfter), resealing };
    const target = { workspaceId, reference: { id }, deletedToo: true, lock: true, sealed: true, signal };
    const changed = await this.#parts.store.decide<Changed>(target, (found) => {
      if (!found) return decideCreation(parts, newSealedCredential(parts, draft, secret, id));
      if (!isVisible(call, found.credential)) throw idTaken(workspaceId, id);
      if (found.credential.deletedAt !== null && found.isGenuine)
        return decideRecreation(parts, found.credential, draft, secret);
      return decideUpdate(parts, found, update);
    });
    return sealed(changed);
  }

  /** @throws VaultError `secret_unreadable`, in words that speak of the key and not of a secret */
  #cipherForWriting(workspaceId: string): Promise<WorkspaceCipher> {
    return this.#parts.ciphers.cipherFor(workspaceId).catch((error: unknown) => {
      throw workspaceKeyUnreadable(error);
    });
  }

  #checkCreation(draft: CredentialDraft, secret: Secret, mayBeEmpty: boolean): void {
    checkDraft(draft);
    checkSecret(secret, this.#parts.secretBytesMax, mayBeEmpty);
  }
}

/** What keeps a credential out of a description of many: it was deleted meanwhile, or cannot be read. */
const skippable: ReadonlySet<VaultErrorCode> = new Set(['not_found', 'secret_unreadable']);

/** To a key that is not for it, a credential is no more than an id that can't be had. */
function idTaken(workspace: string, id: string): VaultError {
  return new VaultError('id_taken', 'a credential of this id exists', { resource: 'credential', id, workspace });
}

/** What a change of one credential takes. */
interface Change extends Omit<CredentialUpdate, 'resealing'> {
  readonly id: string;
  readonly secret?: SecretChange | undefined;
}

interface Changed {
  readonly credential: Credential;
  readonly version: SealedVersion | undefined;
}

function sealed({ credential, version }: Changed): SealedCredential {
  assert(version, 'a version was found, or has been added');
  return { credential, version };
}
