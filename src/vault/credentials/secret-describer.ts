import { authorize, isVisible, type Call } from '../caller.ts';
import { notFound, VaultError, type VaultErrorCode } from '../errors.ts';
import type { IdSource } from '../ids.ts';
import { limits } from '../limits.ts';
import type { Clock } from '../time.ts';
import type { WorkspaceCipherSource } from '../workspaces/ports.ts';
import { decideDescription, type DescribedSecret, type PlainField } from './reveal-decisions.ts';
import { CredentialReader, credentialReferenceOf } from './credential-reader.ts';
import { defaultLifecycle, type Lifecycle } from './lifecycle.ts';
import type { CredentialStore } from './ports.ts';

export interface SecretDescriberParts {
  readonly store: CredentialStore;
  readonly ciphers: WorkspaceCipherSource;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** The greatest secret, in bytes of its JSON. */
  readonly secretBytesMax: number;
  /** The default settings if absent. */
  readonly lifecycle?: Lifecycle;
}

/** Shows credentials, and which fields their secrets have. */
export class SecretDescriber extends CredentialReader {
  readonly #parts: Required<SecretDescriberParts>;

  constructor(parts: SecretDescriberParts) {
    super(parts);
    this.#parts = { lifecycle: defaultLifecycle, ...parts };
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
   *
   * @returns undefined if the caller sees no credential of the provider
   */
  async describeFields(call: Call, provider: string): Promise<ReadonlySet<string> | undefined> {
    const credentials = await this.findLastChanged(call, { providers: [provider] }, limits.describedAtOnce);
    if (credentials.length === 0) return undefined;
    const names = await Promise.all(credentials.map(async ({ id }) => this.#fieldNames(call, id)));
    return new Set(names.flat());
  }

  /**
   * The sealed bytes of a version, for the dialects that show them; undefined if they are gone, or the caller may no longer see the
   * credential.
   */
  async findSealed(call: Call, id: string, version: number): Promise<Uint8Array | undefined> {
    authorize(call, 'credentials.read');
    const { workspaceId, signal } = call;
    const reference = credentialReferenceOf(id);
    const credential = await this.#parts.store.find({ workspaceId, reference, deletedToo: true, signal });
    if (!credential || !isVisible(call, credential)) return undefined;
    return this.#parts.store.findSealed({ workspaceId, id: credential.id, version, signal });
  }

  async #fieldNames(call: Call, id: string): Promise<readonly string[]> {
    try {
      return (await this.describeSecret(call, id)).fieldNames;
    } catch (error) {
      if (error instanceof VaultError && skippable.has(error.code)) return [];
      throw error;
    }
  }
}

/** Why a description of many credentials skips one: it was deleted in the meantime, or cannot be read. */
const skippable: ReadonlySet<VaultErrorCode> = new Set(['not_found', 'secret_unreadable']);
