import assert from 'node:assert/strict';
import { authorize, isVisible, type Authorized, type Call } from '../caller.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseId } from '../ids.ts';
import { limits } from '../limits.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import type { Keeping } from '../requests/ports.ts';
import type { Secret } from '../secret.ts';
import { checkOptionalText } from '../text-rules.ts';
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
  credentialIn,
  decideCreation,
  decideRecreation,
  decideUpdate,
  newSealedCredential,
  type CredentialUpdate,
  type ResealedCredential,
  type SealedCredential,
} from './credential-decisions.ts';
import { decideReveal, revocationCheckOf, type RevealOptions, type RevealedSecret } from './reveal-decisions.ts';
import { credentialReferenceOf, nameReferenceOf } from './credential-reader.ts';
import { CredentialRemover, type CredentialRemoverParts } from './credential-remover.ts';
import { checkDraft, checkSecret } from './credential-rules.ts';
import type { Credential, CredentialDraft } from './credential.ts';
import { defaultLifecycle } from './lifecycle.ts';
import type { CredentialReference, Decision, FoundCredential } from './decision-ports.ts';
import { decideVersionReveal } from './version-decisions.ts';
import { checkVersionNumber, retentionOf } from './version-retention.ts';

export interface CredentialVaultParts extends CredentialRemoverParts {
  readonly providerAfter: ProviderAfter;
}

/**
 * Creates, shows, changes and reveals credentials. Each method authorizes the call in its workspace before anything else. Ids may
 * be in either form; an id that is malformed, unknown, deleted or of another workspace is `not_found`.
 */
export class CredentialVault extends CredentialRemover {
  readonly #parts: Required<CredentialVaultParts>;

  constructor(parts: CredentialVaultParts) {
    super(parts);
    this.#parts = { lifecycle: defaultLifecycle, ...parts };
  }

  /** @throws VaultError `invalid_argument`, or `name_taken` for an exclusive name */
  async createCredential(call: MutationCall<Credential>, draft: CredentialDraft, secret: Secret): Promise<Credential> {
    return (await this.#create(call, { draft, secret }, keepingOf(call, credentialIn))).credential;
  }

  /** As `createCredential`; also returns the sealed bytes, for the dialects that show them. */
  async createSealedCredential(
    call: MutationCall<SealedCredential>,
    draft: CredentialDraft,
    secret: Secret,
    { mayBeEmpty = false }: SecretRules = {},
  ): Promise<SealedCredential> {
    return this.#create(call, { draft, secret, mayBeEmpty }, call.keeping);
  }

  /**
   * Creates a credential with a given id. If the workspace has it already, its name, provider and secret are replaced; a
   * deleted one is created anew. Credentials of other workspaces have no influence.
   *
   * @throws VaultError `invalid_argument`, also for an id that is not a UUID, `name_taken`, or `id_taken` if another credential has
   *   the same short id
   */
  async createOrReplaceCredential(
    call: MutationCall<SealedCredential>,
    creation: GivenCreation,
  ): Promise<SealedCredential> {
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
    call: MutationCall<Credential>,
    id: string,
    change: CredentialChange | CredentialChangeMaker,
    options: UpdateOptions = {},
  ): Promise<Credential> {
    const update = updateOf(change, options, this.#parts.providerAfter);
    const changed = { ...update, id, secret: options.secret };
    return (await this.#change(call, changed, keepingOf(call, credentialIn))).credential;
  }

  /** As `updateCredential`; also returns the sealed bytes, for the dialects that show them. */
  async updateSealedCredential(
    call: MutationCall<SealedCredential>,
    id: string,
    change: CredentialChange | CredentialChangeMaker,
    options: UpdateOptions = {},
  ): Promise<SealedCredential> {
    const update = updateOf(change, options, this.#parts.providerAfter);
    const changed = { ...update, id, secret: options.secret, sealed: true };
    return requireVersion(await this.#change(call, changed, keepingOf(call, requireVersion)));
  }

  /** Permits reveals of a credential. An active one stays as it is. */
  async activateCredential(call: MutationCall<Credential>, id: string, etags?: readonly string[]): Promise<Credential> {
    const activation = { id, action: 'credentials.activate', etags, change: activated } as const;
    return (await this.#change(call, activation, keepingOf(call, credentialIn))).credential;
  }

  /**
   * Opens a secret of an active credential, the current one by default, and returns it once the event of the reveal is durable.
   *
   * @throws VaultError `invalid_argument` for the options, `credential_inactive`, `credential_expired`,
   *   `failed_precondition` (`VERSION_NOT_FOUND`, `VERSION_DESTROYED`), or `secret_unreadable` if the bytes do not open
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
    if (options?.version !== undefined) checkVersionNumber('version', options.version);
    const parts = { ...this.#parts, call, purpose, field: null, cipher: await ciphers.cipherFor(workspaceId) };
    const now = clock.now();
    const revocationCheck = revocationCheckOf(parts);
    const version = options?.version;
    const target = version
      ? { workspaceId, reference, versions: [version], revocationCheck, signal }
      : { workspaceId, reference, sealed: true, revocationCheck, signal };
    const revealed = await store.decide(target, (found) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return version ? decideVersionReveal(parts, now, found, version) : decideReveal(parts, now, found);
    });
    usage.record(call, revealed.credential.id, now);
    return revealed;
  }

  async #create(
    call: Call,
    { draft, secret, mayBeEmpty = false }: Creation,
    keeping: Keeping<SealedCredential> | undefined,
  ): Promise<SealedCredential> {
    authorize(call, 'credentials.write');
    this.#checkCreation(draft, secret, mayBeEmpty);
    const cipher = await cipherForWriting(this.#parts.ciphers, call.workspaceId);
    const parts = { ...this.#parts, call, cipher };
    const created = newSealedCredential(parts, draft, secret, this.#parts.ids.next());
    const { workspaceId, signal } = call;
    const target = { workspaceId, signal, ...(draft.nameIsExclusive && { exclusiveName: draft.name }) };
    return this.#parts.store.decide(target, () => decideCreation(parts, created), keeping);
  }

  async #change(
    call: Call,
    { id, secret, ...update }: Change,
    keeping: Keeping<ResealedCredential> | undefined,
  ): Promise<ResealedCredential> {
    authorize(call, 'credentials.write');
    const { workspaceId, signal } = call;
    const reference = credentialReferenceOf(id);
    const resealing = secret && { cipher: await cipherForWriting(this.#parts.ciphers, workspaceId), secret };
    const retention = secret && retentionOf(this.#parts);
    const sealed = update.sealed ?? secret !== undefined;
    const target = { workspaceId, reference, lock: true, sealed, retention, signal };
    const decide = (found: FoundCredential | undefined) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return decideUpdate({ ...this.#parts, call }, found, { ...update, resealing });
    };
    return this.#parts.store.decide(target, decide, keeping);
  }

  async #createOrReplace(
    call: Authorized<'credentials.write'> & MutationCall<SealedCredential>,
    { id, draft, secret, merge }: GivenCreation,
  ): Promise<SealedCredential> {
    const { workspaceId, signal } = call;
    const cipher = await cipherForWriting(this.#parts.ciphers, workspaceId);
    const parts = { ...this.#parts, call, cipher };
    const { name, provider } = draft;
    const resealing = { cipher, secret: merge ?? replaceSecret(secret) };
    const update = { ...updateOf({ name, provider }, {}, this.#parts.providerAfter), resealing };
    const retention = retentionOf(this.#parts);
    const target = { workspaceId, reference: { id }, deletedToo: true, lock: true, sealed: true, retention, signal };
    const decide = (found: FoundCredential | undefined): Decision<ResealedCredential> => {
      if (!found) return decideCreation(parts, newSealedCredential(parts, draft, secret, id));
      // Nothing of a purged credential decides who may use its id again.
      if (found.credential.purgedAt === null && !isVisible(call, found.credential)) throw idTaken(workspaceId, id);
      if (found.credential.deletedAt === null || !found.isGenuine) return decideUpdate(parts, found, update);
      return decideRecreation(parts, found, draft, secret);
    };
    return requireVersion(await this.#parts.store.decide(target, decide, keepingOf(call, requireVersion)));
  }

  #checkCreation(draft: CredentialDraft, secret: Secret, mayBeEmpty: boolean): void {
    checkDraft(draft);
    checkSecret(secret, this.#parts.secretBytesMax, mayBeEmpty);
  }
}

/** For a key whose scope excludes a credential, only the id is taken. */
function idTaken(workspace: string, id: string): VaultError {
  return new VaultError('id_taken', 'a credential of this id exists', { resource: 'credential', id, workspace });
}

/** A credential to be created. */
interface Creation extends SecretRules {
  readonly draft: CredentialDraft;
  readonly secret: Secret;
}

/** The change of one credential. */
interface Change extends Omit<CredentialUpdate, 'resealing'> {
  readonly id: string;
  readonly secret?: SecretChange | undefined;
}

function activated(current: Credential): Credential {
  return { ...current, isActive: true };
}

function requireVersion({ credential, version }: ResealedCredential): SealedCredential {
  assert(version, 'a version was found or added');
  return { credential, version };
}
