import assert from 'node:assert/strict';
import { authorize, isVisible, type Authorized, type Call } from '../caller.ts';
import { invalidArgument, notFound, VaultError, type VaultErrorCode } from '../errors.ts';
import { parseId, type IdSource } from '../ids.ts';
import { limits } from '../limits.ts';
import type { Secret } from '../secret.ts';
import { checkOptionalText } from '../text-rules.ts';
import type { Clock } from '../time.ts';
import type { UsageRecorder } from '../usage/usage-recorder.ts';
import type { WorkspaceCipherSource } from '../workspaces/ports.ts';
import {
  cipherForWriting,
  replaceSecret,
  updateOf,
  type CredentialChange,
  type CredentialChangeMaker,
  type GivenCreation,
  type ProviderAfter,
  type SecretChange,
  type SecretRules,
  type UpdateOptions,
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
  type RevealOptions,
  type ResealedCredential,
  type RevealedSecret,
  type SealedCredential,
} from './credential-decisions.ts';
import { CredentialReader, credentialReferenceOf, nameReferenceOf } from './credential-reader.ts';
import { checkDraft, checkSecret, type CredentialDraft } from './credential-rules.ts';
import type { Credential } from './credential.ts';
import { defaultLifecycle, purgeTimeOf, type Lifecycle } from './lifecycle.ts';
import type { CredentialReference, CredentialStore } from './ports.ts';

export interface CredentialVaultParts {
  readonly store: CredentialStore;
  readonly ciphers: WorkspaceCipherSource;
  readonly usage: UsageRecorder;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** The greatest secret, in bytes of its JSON. */
  readonly secretBytesMax: number;
  /** The default settings if absent. */
  readonly lifecycle?: Lifecycle;
  readonly providerAfter: ProviderAfter;
}

/**
 * Creates, shows, changes and reveals credentials. Each method authorizes the call in its workspace before anything else. Ids may
 * be in either form; an id that is malformed, unknown, deleted or of another workspace is `not_found`.
 */
export class CredentialVault extends CredentialReader {
  readonly #parts: Required<CredentialVaultParts>;

  constructor(parts: CredentialVaultParts) {
    super(parts);
    this.#parts = { lifecycle: defaultLifecycle, ...parts };
  }

  /** @throws VaultError `invalid_argument`, or `name_taken` for an exclusive name */
  async createCredential(call: Call, draft: CredentialDraft, secret: Secret): Promise<Credential> {
    const { credential } = await this.createSealedCredential(call, draft, secret);
    return credential;
  }

  /** As `createCredential`; also returns the sealed bytes, for the dialects that show them. */
  async createSealedCredential(
    call: Call,
    draft: CredentialDraft,
    secret: Secret,
    { mayBeEmpty = false }: SecretRules = {},
  ): Promise<SealedCredential> {
    authorize(call, 'credentials.write');
    this.#checkCreation(draft, secret, mayBeEmpty);
    const cipher = await cipherForWriting(this.#parts.ciphers, call.workspaceId);
    const parts = { ...this.#parts, call, cipher };
    const created = newSealedCredential(parts, draft, secret, this.#parts.ids.next());
    const { workspaceId, signal } = call;
    const target = { workspaceId, signal, ...(draft.nameIsExclusive && { exclusiveName: draft.name }) };
    return this.#parts.store.decide(target, () => decideCreation(parts, created));
  }

  /**
   * Creates a credential with a given id. If the workspace has it already, its name, provider and secret are replaced; a
   * deleted one is created anew. Credentials of other workspaces have no influence.
   *
   * @throws VaultError `invalid_argument`, also for an id that is not a UUID, `name_taken`, or `id_taken` if another credential has
   *   the same short id
   */
  async createOrReplaceCredential(call: Call, creation: GivenCreation): Promise<SealedCredential> {
    authorize(call, 'credentials.write');
    const id = parseId(creation.id);
    if (id === undefined) throw invalidArgument('id', 'must be a UUID');
    this.#checkCreation(creation.draft, creation.secret, creation.mayBeEmpty === true);
    try {
      return await this.#createOrReplace(call, { ...creation, id });
    } catch (error) {
      // A concurrent call may have created the credential, which can then be replaced.
      if (!(error instanceof VaultError && error.code === 'id_taken')) throw error;
      return this.#createOrReplace(call, { ...creation, id });
    }
  }

  /**
   * Updates the metadata and, if an option describes how, the secret, in every state of the credential.
   *
   * @throws VaultError `etag_stale`, `invalid_argument`, `name_taken`, or `secret_unreadable` if the change needs the present
   *   secret and that does not open, or if the workspace's key cannot be loaded
   */
  async updateCredential(
    call: Call,
    id: string,
    change: CredentialChange | CredentialChangeMaker,
    options: UpdateOptions = {},
  ): Promise<Credential> {
    const update = updateOf(change, options, this.#parts.providerAfter);
    return (await this.#change(call, { ...update, id, secret: options.secret })).credential;
  }

  /** As `updateCredential`; also returns the sealed bytes, for the dialects that show them. */
  async updateSealedCredential(
    call: Call,
    id: string,
    change: CredentialChange | CredentialChangeMaker,
    options: UpdateOptions = {},
  ): Promise<SealedCredential> {
    const update = updateOf(change, options, this.#parts.providerAfter);
    return requireVersion(await this.#change(call, { ...update, id, secret: options.secret, sealed: true }));
  }

  /** Permits reveals of a credential. An active one stays as it is. */
  async activateCredential(call: Call, id: string, etags?: readonly string[]): Promise<Credential> {
    return this.#setActive(call, id, true, etags);
  }

  /** Refuses reveals of a credential from now on. An inactive one stays as it is. */
  async deactivateCredential(call: Call, id: string, etags?: readonly string[]): Promise<Credential> {
    return this.#setActive(call, id, false, etags);
  }

  /** Deletes softly: the credential is no longer revealed or shown among others, and its name is free, until it is purged. */
  async deleteCredential(call: Call, id: string, etags?: readonly string[]): Promise<Credential> {
    const deletedAt = this.#parts.clock.now();
    const purgeAt = purgeTimeOf(deletedAt, this.#parts.lifecycle);
    const change = (current: Credential) => ({ ...current, deletedAt, purgeAt });
    return (await this.#change(call, { id, action: 'credentials.delete', etags, change })).credential;
  }

  /**
   * Opens the current secret of an active credential, and returns it once the event of the reveal is durable.
   *
   * @throws VaultError `invalid_argument` for the purpose, `credential_inactive`, `credential_expired`, or `secret_unreadable` if
   *   the bytes do not open
   */
  async revealSecret(call: Call, id: string, options?: RevealOptions): Promise<RevealedSecret> {
    authorize(call, 'secrets.reveal');
    return this.#reveal(call, id, credentialReferenceOf(id), options);
  }

  /** As `revealSecret`, for the credential that `describeByName` shows. */
  async revealByName(call: Call, name: string): Promise<RevealedSecret> {
    authorize(call, 'secrets.reveal');
    return this.#reveal(call, name, nameReferenceOf(name));
  }

  /**
   * Lists the names of the current secret's fields in every state of the credential, for callers who may read metadata. For
   * callers who may reveal, it adds the values of plain fields.
   *
   * @throws VaultError `secret_unreadable` if the bytes do not open
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
   * Lists the names of the fields that the secrets of a provider have. It opens the secrets that were changed last, at most
   * `limits.describedAtOnce`, and skips those that cannot be read.
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

  async #reveal(
    call: Authorized<'secrets.reveal'>,
    id: string,
    reference: CredentialReference,
    options?: RevealOptions,
  ): Promise<RevealedSecret> {
    const { workspaceId, signal } = call;
    const { clock, ciphers, store, usage } = this.#parts;
    const purpose = options?.purpose || null;
    checkOptionalText('purpose', purpose, limits.shortTextCharacters);
    const parts = { ...this.#parts, call, purpose, field: null, cipher: await ciphers.cipherFor(workspaceId) };
    const now = clock.now();
    const revocationCheck = revocationCheckOf(parts);
    const revealed = await store.decide({ workspaceId, reference, sealed: true, revocationCheck, signal }, (found) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return decideReveal(parts, now, found);
    });
    usage.record(workspaceId, revealed.credential.id, now);
    return revealed;
  }

  async #setActive(call: Call, id: string, isActive: boolean, etags?: readonly string[]): Promise<Credential> {
    const action = isActive ? 'credentials.activate' : 'credentials.deactivate';
    const change = (current: Credential) => ({ ...current, isActive });
    return (await this.#change(call, { id, action, etags, change })).credential;
  }

  async #change(call: Call, { id, secret, ...update }: Change): Promise<ResealedCredential> {
    authorize(call, 'credentials.write');
    const { workspaceId, signal } = call;
    const reference = credentialReferenceOf(id);
    const resealing = secret && { cipher: await cipherForWriting(this.#parts.ciphers, workspaceId), secret };
    const target = { workspaceId, reference, lock: true, sealed: update.sealed ?? secret !== undefined, signal };
    return this.#parts.store.decide<ResealedCredential>(target, (found) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return decideUpdate({ ...this.#parts, call }, found, { ...update, resealing });
    });
  }

  async #createOrReplace(
    call: Authorized<'credentials.write'>,
    { id, draft, secret, merge }: GivenCreation,
  ): Promise<SealedCredential> {
    const { workspaceId, signal } = call;
    const cipher = await cipherForWriting(this.#parts.ciphers, workspaceId);
    const parts = { ...this.#parts, call, cipher };
    const { name, provider } = draft;
    const resealing = { cipher, secret: merge ?? replaceSecret(secret) };
    const update = { ...updateOf({ name, provider }, {}, this.#parts.providerAfter), resealing };
    const target = { workspaceId, reference: { id }, deletedToo: true, lock: true, sealed: true, signal };
    const changed = await this.#parts.store.decide<ResealedCredential>(target, (found) => {
      if (!found) return decideCreation(parts, newSealedCredential(parts, draft, secret, id));
      // Nothing of a purged credential decides who may use its id again.
      if (found.credential.purgedAt === null && !isVisible(call, found.credential)) throw idTaken(workspaceId, id);
      if (found.credential.deletedAt === null || !found.isGenuine) return decideUpdate(parts, found, update);
      return decideRecreation(parts, found.credential, draft, secret);
    });
    return requireVersion(changed);
  }

  #checkCreation(draft: CredentialDraft, secret: Secret, mayBeEmpty: boolean): void {
    checkDraft(draft);
    checkSecret(secret, this.#parts.secretBytesMax, mayBeEmpty);
  }
}

/** Why a description of many credentials skips one: it was deleted in the meantime, or cannot be read. */
const skippable: ReadonlySet<VaultErrorCode> = new Set(['not_found', 'secret_unreadable']);

/** For a key whose scope excludes a credential, only the id is taken. */
function idTaken(workspace: string, id: string): VaultError {
  return new VaultError('id_taken', 'a credential of this id exists', { resource: 'credential', id, workspace });
}

/** The change of one credential. */
interface Change extends Omit<CredentialUpdate, 'resealing'> {
  readonly id: string;
  readonly secret?: SecretChange | undefined;
}

function requireVersion({ credential, version }: ResealedCredential): SealedCredential {
  assert(version, 'a version was found or added');
  return { credential, version };
}
