import { authorize, isVisible, type Call } from '../caller.ts';
import { notFound } from '../errors.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import { decidePurge, decideUndelete } from './deletion-decisions.ts';
import { credentialReferenceOf } from './credential-reader.ts';
import { credentialIn, type DecisionParts } from './credential-decisions.ts';
import type { Credential } from './credential.ts';
import type { CredentialPurgeStore } from './due-ports.ts';
import type { CredentialStore } from './ports.ts';
import type { FoundCredential } from './decision-ports.ts';

export interface DeletionVaultParts extends Omit<DecisionParts, 'call'> {
  readonly store: Pick<CredentialStore, 'decide'>;
  readonly purges: Pick<CredentialPurgeStore, 'purge'>;
}

/** Restores and purges deleted credentials. Each method authorizes the call in its workspace before anything else. */
export class DeletionVault {
  readonly #parts: DeletionVaultParts;

  constructor(parts: DeletionVaultParts) {
    this.#parts = parts;
  }

  /**
   * Restores a deleted credential that was not purged, in the state that it had.
   *
   * @throws VaultError `not_found`, `etag_stale`, `already_exists` with the reason `NOT_DELETED`, or `name_taken` if another
   *   credential has its exclusive name meanwhile
   */
  async undeleteCredential(call: MutationCall<Credential>, id: string, etags?: readonly string[]): Promise<Credential> {
    authorize(call, 'credentials.write');
    const { workspaceId, signal } = call;
    const reference = credentialReferenceOf(id);
    const target = { workspaceId, reference, lock: true, deletedToo: true, signal };
    const decide = (found: FoundCredential | undefined) =>
      decideUndelete({ ...this.#parts, call }, requireFound(call, id, found), etags);
    return credentialIn(await this.#parts.store.decide(target, decide, keepingOf(call, credentialIn)));
  }

  /**
   * Destroys a deleted credential for good: its versions and its metadata. The trail stays.
   *
   * @returns its tombstone
   * @throws VaultError `not_found`, `etag_stale`, `failed_precondition` with the reason `NOT_DELETED`
   */
  async purgeCredential(call: MutationCall<Credential>, id: string, etags?: readonly string[]): Promise<Credential> {
    authorize(call, 'credentials.purge');
    const { workspaceId, signal } = call;
    const reference = credentialReferenceOf(id);
    const decide = (found: FoundCredential | undefined) =>
      decidePurge({ ...this.#parts, call }, requireFound(call, id, found), etags);
    return this.#parts.purges.purge({ workspaceId, reference, signal }, decide, call.keeping);
  }
}

function requireFound(call: Call, id: string, found: FoundCredential | undefined): FoundCredential {
  if (!found || found.credential.purgedAt !== null || !isVisible(call, found.credential)) {
    throw notFound('credential', id);
  }
  return found;
}
