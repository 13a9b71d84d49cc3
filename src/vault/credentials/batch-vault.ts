import { authorize, isVisible, type Call } from '../caller.ts';
import { credentialUnreadable, invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseReference } from '../ids.ts';
import { limits } from '../limits.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import type { Secret } from '../secret.ts';
import { WorkSlices, type EventLoop } from '../work-slices.ts';
import { answerTooLarge, AnswerRoom } from './answer-room.ts';
import { cipherForWriting } from './credential-change.ts';
import { decideCreation, newSealedCredential, type SealedCredential } from './credential-decisions.ts';
import { checkDraft, checkSecret } from './credential-rules.ts';
import type { CredentialVaultParts } from './credential-vault.ts';
import type { Credential, CredentialDraft } from './credential.ts';
import { defaultLifecycle } from './lifecycle.ts';
import type { FoundCredential, JointResult } from './decision-ports.ts';

export interface BatchVaultParts extends CredentialVaultParts {
  readonly eventLoop: EventLoop;
}

/** A credential to be created. */
export interface NewCredential {
  readonly draft: CredentialDraft;
  readonly secret: Secret;
}

/** How a batch of changes is committed. */
export interface BatchOptions {
  /** Whether all items are stored or none; otherwise an item that fails does not affect the others. */
  readonly isAtomic: boolean;
}

/**
 * Creates and shows up to `limits.batchItems` credentials in one call. The result has one outcome for each item, in their order.
 * Each method authorizes the call in its workspace before anything else.
 */
export class BatchVault {
  readonly #parts: Required<BatchVaultParts>;

  constructor(parts: BatchVaultParts) {
    this.#parts = { lifecycle: defaultLifecycle, ...parts };
  }

  /**
   * Creates credentials in one transaction. Their secrets are sealed before it.
   *
   * @param items those that cannot be read from the request are its errors
   * @throws VaultError `invalid_argument` for the size of the batch; if it is atomic, the error of the first item that fails
   */
  async createCredentials(
    call: MutationCall<readonly JointResult<Credential>[]>,
    items: readonly (NewCredential | VaultError)[],
    { isAtomic }: BatchOptions,
  ): Promise<readonly JointResult<Credential>[]> {
    authorize(call, 'credentials.write');
    checkBatchSize(items.length);
    const { workspaceId, signal } = call;
    const parts = { ...this.#parts, call, cipher: await cipherForWriting(this.#parts.ciphers, workspaceId) };
    const slices = new WorkSlices(this.#parts.eventLoop);
    const sealed: (SealedCredential | VaultError)[] = [];
    for (const item of items) {
      await slices.next();
      const outcome = errorOr(() => {
        const { draft, secret } = valueOf(item);
        checkDraft(draft);
        checkSecret(secret, parts.secretBytesMax);
        return newSealedCredential(parts, draft, secret, parts.ids.next());
      });
      if (isAtomic && outcome instanceof VaultError) throw itemRefused(outcome, sealed.length);
      sealed.push(outcome);
    }
    const decide = () => sealed.map((item) => errorOr(() => decideCreation(parts, valueOf(item))));
    const targets = sealed.map(() => ({ workspaceId }));
    const keeping = keepingOf(call, withoutVersions);
    const created = this.#parts.store.decideJointly({ targets, isAtomic, decide, signal }, keeping);
    const results = await created.catch((error: unknown) => {
      throw error instanceof VaultError ? itemRefused(error, error.details.item) : error;
    });
    return withoutVersions(results);
  }

  /**
   * Finds credentials that a batch has created as they are now, also deleted ones, for a repetition of the batch. Those that are
   * gone, that the caller may no longer see, or that do not fit into the answer are missing.
   *
   * @param ids at least one
   */
  async findCreated(call: Call, ids: readonly string[]): Promise<ReadonlyMap<string, Credential>> {
    authorize(call, 'credentials.write');
    const { workspaceId, signal } = call;
    const created = new Map<string, Credential>();
    const room = new AnswerRoom();
    const references = ids.map((id) => ({ id }));
    await this.#parts.store.readAll({ workspaceId, references, deletedToo: true, signal }, (batch) => {
      for (const { found } of batch) {
        if (!found?.isGenuine || found.credential.purgedAt !== null || !isVisible(call, found.credential)) continue;
        if (room.take(found.credential)) created.set(found.credential.id, found.credential);
      }
      return room.hasRoomFor(1);
    });
    return created;
  }

  /**
   * Shows the metadata of credentials as they are at one moment. What does not fit into the answer is an error.
   *
   * @throws VaultError `invalid_argument` for the size of the batch
   */
  async describeCredentials(call: Call, ids: readonly string[]): Promise<readonly JointResult<Credential>[]> {
    authorize(call, 'credentials.read');
    checkBatchSize(ids.length);
    const { workspaceId, signal } = call;
    const references = ids.map((id) => parseReference('credential', id));
    const results: JointResult<Credential>[] = [];
    const room = new AnswerRoom();
    const describe = (found: FoundCredential | undefined): JointResult<Credential> => {
      const id = ids[results.length] ?? '';
      if (!found || !isVisible(call, found.credential)) return { error: notFound('credential', id) };
      if (!found.isGenuine) return { error: credentialUnreadable(`credential ${id} was changed outside of Coffer`) };
      return room.take(found.credential) ? { answer: found.credential } : { error: answerTooLarge() };
    };
    await this.#parts.store.readAll({ workspaceId, references, signal }, (found) => {
      for (const one of found) results.push(describe(one.found));
      return room.hasRoomFor(1);
    });
    return ids.map((_, index) => results[index] ?? { error: answerTooLarge() });
  }
}

/** @throws VaultError `invalid_argument` for an empty batch, and for one of more than `limits.batchItems` */
export function checkBatchSize(items: number): void {
  if (items < 1 || items > limits.batchItems) {
    throw invalidArgument('requests', `must be from 1 to ${limits.batchItems}`);
  }
}

function withoutVersions(results: readonly JointResult<SealedCredential>[]): readonly JointResult<Credential>[] {
  return results.map((result) => ('error' in result ? result : { answer: result.answer.credential }));
}

/** The refusal of a whole batch because of one of its items. */
function itemRefused({ code, message, details, cause }: VaultError, item: number | undefined): VaultError {
  const place = item === undefined ? '' : `requests[${item}]: `;
  return new VaultError(code, `${place}${message}`, details, { cause });
}

function valueOf<Value>(item: Value | VaultError): Value {
  if (item instanceof VaultError) throw item;
  return item;
}

/** Runs work, and returns the error that it is refused with. */
export function errorOr<Value>(work: () => Value): Value | VaultError {
  try {
    return work();
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
}
