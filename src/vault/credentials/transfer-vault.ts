import assert from 'node:assert/strict';
import { authorize, isVisible, resolveWorkspace, type Authorized, type Call } from '../caller.ts';
import { invalidArgument, notFound } from '../errors.ts';
import { limits } from '../limits.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import { checkText } from '../text-rules.ts';
import { cipherForWriting } from './credential-change.ts';
import { credentialReferenceOf } from './credential-reader.ts';
import type { ResealedCredential } from './credential-decisions.ts';
import type { CredentialVaultParts } from './credential-vault.ts';
import type { Credential } from './credential.ts';
import { defaultLifecycle } from './lifecycle.ts';
import type { FoundCredential, JointResult, JointTarget } from './decision-ports.ts';
import {
  decideCopy,
  decideMove,
  refuseRevoked,
  type TransferDecisions,
  type TransferParts,
} from './transfer-decisions.ts';

/** Where a credential is copied or moved to. */
export interface Transfer {
  /** A UUID, a `WSP-…` id, or `default`. */
  readonly destinationWorkspaceId: string;
  /** Its name there; the present one if absent. */
  readonly name?: string | undefined;
  /** If given, the transfer requires that the present etag is one of these. */
  readonly etags?: readonly string[] | undefined;
}

/**
 * Copies and moves credentials to other workspaces within the server. A value never leaves it: it is opened with the key of one
 * workspace and sealed with that of the other, in one transaction over both. Each method authorizes the call at the source and at
 * the destination before anything else.
 */
export class TransferVault {
  readonly #parts: Required<CredentialVaultParts>;

  constructor(parts: CredentialVaultParts) {
    this.#parts = { lifecycle: defaultLifecycle, ...parts };
  }

  /**
   * Copies the current version with all metadata, in the state of the credential. The copy has another id.
   *
   * @returns the copy
   * @throws VaultError `workspace_denied` and `permission_denied` also for the destination, `not_found`, `name_taken`,
   *   `invalid_argument` also if the destination is the source, or `secret_unreadable`
   */
  async copyCredential(call: MutationCall<Credential>, id: string, transfer: Transfer): Promise<Credential> {
    authorize(call, 'secrets.reveal');
    const parts = await this.#begin(call, transfer);
    const copyId = this.#parts.ids.next();
    const destination = { workspaceId: parts.destination.call.workspaceId };
    return this.#decide(call, { id, destination }, (source, isRevoked) =>
      isRevoked ? refuseRevoked(parts, 'credentials.copy', source.credential) : decideCopy(parts, source, copyId),
    );
  }

  /**
   * Moves a credential with its current version: it keeps its id, and is deleted at the source.
   *
   * @returns the credential at the destination
   * @throws as `copyCredential`; also `etag_stale`, and `id_taken` if the destination has a credential of this id, deleted or not
   */
  async moveCredential(call: MutationCall<Credential>, id: string, transfer: Transfer): Promise<Credential> {
    authorize(call, 'secrets.reveal');
    authorize(call, 'credentials.write');
    const parts = await this.#begin(call, transfer);
    const { workspaceId } = parts.destination.call;
    const destination = { workspaceId, reference: credentialReferenceOf(id), deletedToo: true, lock: true };
    const move = { ...parts, source: { ...parts.source, call } };
    return this.#decide(call, { id, destination }, (source, isRevoked, present) =>
      isRevoked ? refuseRevoked(parts, 'credentials.move', source.credential) : decideMove(move, source, present),
    );
  }

  async #begin(call: Authorized<'secrets.reveal'>, transfer: Transfer): Promise<TransferParts> {
    const { ciphers } = this.#parts;
    const workspaceId = resolveWorkspace(call.caller, transfer.destinationWorkspaceId);
    const destination: Call = { ...call, workspaceId };
    authorize(destination, 'credentials.write');
    if (workspaceId === call.workspaceId) {
      throw invalidArgument('destination_workspace_id', 'must be another workspace than that of the credential');
    }
    const { name, etags } = transfer;
    if (name !== undefined) checkText('name', name, limits.nameCharacters);
    const [opening, sealing] = await Promise.all([
      ciphers.cipherFor(call.workspaceId),
      cipherForWriting(ciphers, workspaceId),
    ]);
    return {
      source: { ...this.#parts, call, cipher: opening },
      destination: { ...this.#parts, call: destination, cipher: sealing },
      name,
      etags,
    };
  }

  async #decide(
    call: MutationCall<Credential>,
    { id, destination }: { readonly id: string; readonly destination: JointTarget },
    decide: (source: FoundCredential, isRevoked: boolean, present: FoundCredential | undefined) => TransferDecisions,
  ): Promise<Credential> {
    const { caller, workspaceId, signal } = call;
    const reference = credentialReferenceOf(id);
    const results = await this.#parts.store.decideJointly<ResealedCredential>(
      {
        targets: [{ workspaceId, reference, sealed: true, lock: true }, destination],
        isAtomic: true,
        checkedId: caller.kind === 'api_key' ? caller.id : (caller.sessionId ?? undefined),
        decide: ([source, present], isRevoked) => decide(requireFound(call, id, source), isRevoked, present),
        signal,
      },
      keepingOf(call, transferredIn),
    );
    const transferred = transferredIn(results);
    assert(transferred, 'a transfer is atomic');
    return transferred;
  }
}

function transferredIn(results: readonly JointResult<ResealedCredential>[]): Credential | undefined {
  const last = results.at(-1);
  return last && 'answer' in last ? last.answer.credential : undefined;
}

function requireFound(call: Call, id: string, found: FoundCredential | undefined): FoundCredential {
  if (!found || !isVisible(call, found.credential)) throw notFound('credential', id);
  return found;
}
