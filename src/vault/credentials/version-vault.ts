import { authorize, isVisible, type Authorized, type Call } from '../caller.ts';
import { notFound } from '../errors.ts';
import { checkPageSize, type FoundPage } from '../page.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import type { Keeping } from '../requests/ports.ts';
import type { Secret } from '../secret.ts';
import { cipherForWriting } from './credential-change.ts';
import { revocationCheckOf } from './reveal-decisions.ts';
import { type SealedCredential } from './credential-decisions.ts';
import { credentialReferenceOf } from './credential-reader.ts';
import { checkSecret } from './credential-rules.ts';
import type { CredentialVaultParts } from './credential-vault.ts';
import type { Credential, VersionRecord } from './credential.ts';
import { defaultLifecycle, type Lifecycle } from './lifecycle.ts';
import type { Decision, DecisionTarget, FoundCredential } from './decision-ports.ts';
import {
  decideAddition,
  decideComparison,
  decideDestruction,
  decideRestoration,
  type ChangedVersion,
  type FieldComparison,
  type VersionChange,
} from './version-decisions.ts';
import { checkVersionNumber, retentionOf } from './version-retention.ts';

/** Versions of a credential. */
export interface VersionPage extends FoundPage<VersionRecord> {
  readonly credential: Credential;
}

/**
 * Adds, lists, restores, destroys and compares the versions of secrets. Each method authorizes the call in its workspace before
 * anything else. Ids may be in either form; a credential that is unknown, deleted or not visible to the caller is `not_found`.
 */
export class VersionVault {
  readonly #parts: CredentialVaultParts & { readonly lifecycle: Lifecycle };

  constructor(parts: CredentialVaultParts) {
    this.#parts = { lifecycle: defaultLifecycle, ...parts };
  }

  /**
   * Adds a version, which becomes the current one, in every state of the credential.
   *
   * @throws VaultError `invalid_argument` for the secret, `etag_stale`, or `resource_exhausted` (`TOO_MANY_VERSIONS`)
   */
  async addVersion(
    call: MutationCall<ChangedVersion>,
    id: string,
    secret: Secret,
    etags?: readonly string[],
  ): Promise<ChangedVersion> {
    authorize(call, 'credentials.write');
    checkSecret(secret, this.#parts.secretBytesMax);
    const parts = await this.#writingParts(call);
    const target = { ...targetOf(call, id), lock: true, retention: retentionOf(this.#parts) };
    const decide = (found: FoundCredential) => decideAddition(parts, found, { secret, etags });
    return changeOf(await this.#decide(call, id, { target, decide, keeping: keepingOf(call, changeOf) }));
  }

  /**
   * Lists versions from the newest to the oldest, with destroyed and without pruned ones.
   *
   * @param page its versions have numbers lower than `before`
   */
  async listVersions(call: Call, id: string, page: { before?: number; size: number }): Promise<VersionPage> {
    authorize(call, 'credentials.read');
    checkPageSize(page.size);
    const { workspaceId, signal } = call;
    const { store } = this.#parts;
    const credential = await store.find({ workspaceId, reference: credentialReferenceOf(id), signal });
    if (!credential || !isVisible(call, credential)) throw notFound('credential', id);
    // A version that is added meanwhile would be listed as superseded.
    const before = page.before ?? credential.currentVersion + 1;
    const wanted = { workspaceId, credentialId: credential.id, before, size: page.size + 1, signal };
    const versions = await store.listVersions(wanted);
    return { credential, items: versions.slice(0, page.size), hasMore: versions.length > page.size };
  }

  /**
   * Adds a version with the content of an earlier one.
   *
   * @throws VaultError `invalid_argument`, `etag_stale`, `failed_precondition` (`VERSION_NOT_FOUND`, `VERSION_DESTROYED`),
   *   `resource_exhausted` (`TOO_MANY_VERSIONS`), or `secret_unreadable` if the bytes do not open
   */
  async restoreVersion(call: MutationCall<ChangedVersion>, id: string, change: VersionChange): Promise<ChangedVersion> {
    authorize(call, 'credentials.write');
    checkVersionNumber('version', change.version);
    const parts = await this.#writingParts(call);
    const wanted = { versions: [change.version], lock: true, retention: retentionOf(this.#parts) };
    const target = { ...targetOf(call, id), ...wanted };
    const decide = (found: FoundCredential) => decideRestoration(parts, found, change);
    return changeOf(await this.#decide(call, id, { target, decide, keeping: keepingOf(call, changeOf) }));
  }

  /**
   * Destroys the content of a version that is not the current one.
   *
   * @throws VaultError `invalid_argument`, `etag_stale`, `failed_precondition` (`VERSION_IS_CURRENT`, `VERSION_NOT_FOUND`,
   *   `VERSION_DESTROYED`), or `secret_unreadable` if its row was changed outside of Coffer
   */
  async destroyVersion(call: MutationCall<ChangedVersion>, id: string, change: VersionChange): Promise<ChangedVersion> {
    authorize(call, 'credentials.purge');
    checkVersionNumber('version', change.version);
    const parts = { ...this.#parts, call };
    const target = { ...targetOf(call, id), versions: [change.version], lock: true };
    const decide = (found: FoundCredential) => decideDestruction(parts, found, change);
    return this.#decide(call, id, { target, decide, keeping: call.keeping });
  }

  /**
   * Compares two versions of an active credential field by field, without their values. It does not count as a use.
   *
   * @param versions their numbers; 0 is the current one
   * @throws VaultError as `CredentialVault.revealSecret`
   */
  async compareVersions(
    call: Call,
    id: string,
    versions: readonly [version: number, other: number],
  ): Promise<readonly FieldComparison[]> {
    authorize(call, 'secrets.reveal');
    checkVersionNumber('version', versions[0]);
    checkVersionNumber('other_version', versions[1]);
    const cipher = await this.#parts.ciphers.cipherFor(call.workspaceId);
    const parts = { ...this.#parts, call, purpose: null, field: null, cipher };
    const revocationCheck = revocationCheckOf(parts, 'secrets.compare_versions');
    const target = { ...targetOf(call, id), versions, revocationCheck };
    const now = this.#parts.clock.now();
    return this.#decide(call, id, { target, decide: (found) => decideComparison(parts, now, found, versions) });
  }

  async #writingParts(call: Authorized<'credentials.write'>) {
    const cipher = await cipherForWriting(this.#parts.ciphers, call.workspaceId);
    return { ...this.#parts, call, cipher };
  }

  async #decide<Answer>(call: Call, id: string, { target, decide, keeping }: VersionDecision<Answer>): Promise<Answer> {
    const decideVisible = (found: FoundCredential | undefined) => {
      if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
      return decide(found);
    };
    return this.#parts.store.decide(target, decideVisible, keeping);
  }
}

/** A decision on a credential that the caller may see. */
interface VersionDecision<Answer> {
  readonly target: DecisionTarget;
  readonly decide: (found: FoundCredential) => Decision<Answer>;
  readonly keeping?: Keeping<Answer> | undefined;
}

function targetOf({ workspaceId, signal }: Call, id: string): DecisionTarget {
  return { workspaceId, reference: credentialReferenceOf(id), signal };
}

function changeOf({ credential, version }: SealedCredential): ChangedVersion {
  const { createdAt, createdBy } = version;
  return { credential, version: { version: version.version, createdAt, createdBy, isDestroyed: false } };
}
