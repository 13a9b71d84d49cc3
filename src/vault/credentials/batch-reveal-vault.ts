import assert from 'node:assert/strict';
import { auditEvent, type AuditEvent } from '../audit/audit-event.ts';
import { authorize, isVisible, type Authorized, type Call } from '../caller.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseReference } from '../ids.ts';
import { limits } from '../limits.ts';
import { checkOptionalText } from '../text-rules.ts';
import { WorkSlices } from '../work-slices.ts';
import { answerTooLarge, AnswerRoom } from './answer-room.ts';
import { checkBatchSize, errorOr, type BatchVaultParts } from './batch-vault.ts';
import {
  decideReveal,
  refusalToReveal,
  revocationCheckOf,
  type RevealedSecret,
  type RevealOptions,
  type RevealParts,
} from './reveal-decisions.ts';
import { defaultLifecycle } from './lifecycle.ts';
import type { Decision, FoundCredential, FoundReference, JointResult, JointTarget } from './decision-ports.ts';
import { decideVersionReveal } from './version-decisions.ts';
import { checkVersionNumber } from './version-retention.ts';
import { checkQuery, decideResolution, loadedVersion, matchOf, onlyField, type SecretQuery } from './resolve-vault.ts';

/** A secret to be revealed: of a credential by its id, or of the only active one that has the name, provider and subject. */
export interface RevealRequest extends Omit<SecretQuery, 'purpose'> {
  readonly id?: string | undefined;
}

/** An item that was opened before its event is written. */
interface OpenedItem {
  readonly found: FoundCredential;
  readonly decision: Decision<RevealedSecret>;
}

/** What a batch is revealed with. */
interface Batch {
  readonly parts: Omit<RevealParts, 'field'>;
  readonly now: Date;
  readonly room: AnswerRoom;
}

/** How many sealed secrets are in memory at a time. */
const chunkItems = 32;

/** Reveals up to `limits.batchItems` secrets in one call. */
export class BatchRevealVault {
  readonly #parts: Required<BatchVaultParts>;

  constructor(parts: BatchVaultParts) {
    this.#parts = { lifecycle: defaultLifecycle, ...parts };
  }

  /**
   * Opens secrets, then writes the events of all reveals in one transaction, and returns the outcomes in the order of the items.
   * What does not fit into the answer is neither opened nor recorded. A credential that is changed meanwhile is revealed as it
   * was when it was opened, unless it may no longer be revealed.
   *
   * @returns for an item with `field`, a secret of only this field
   * @throws VaultError `invalid_argument` for the size of the batch, `token_invalid` if the caller's key was revoked meanwhile
   */
  async revealSecrets(
    call: Call,
    requests: readonly RevealRequest[],
    options: RevealOptions = {},
  ): Promise<readonly JointResult<RevealedSecret>[]> {
    authorize(call, 'secrets.reveal');
    checkBatchSize(requests.length);
    const purpose = options.purpose || null;
    checkOptionalText('purpose', purpose, limits.shortTextCharacters);
    const cipher = await this.#parts.ciphers.cipherFor(call.workspaceId);
    const parts = { ...this.#parts, call, purpose, cipher };
    const batch = { parts, now: parts.clock.now(), room: new AnswerRoom() };
    const results = await this.#record(batch, requests, await this.#open(batch, requests));
    for (const result of results) {
      if ('answer' in result) parts.usage.record(call, result.answer.credential.id, batch.now);
      else if (result.error.code === 'token_invalid') throw result.error;
    }
    return results;
  }

  async #open(batch: Batch, requests: readonly RevealRequest[]): Promise<readonly (OpenedItem | VaultError)[]> {
    const slices = new WorkSlices(this.#parts.eventLoop);
    const items: (OpenedItem | VaultError)[] = [];
    for (let start = 0; start < requests.length && batch.room.hasRoomFor(1); start += chunkItems) {
      const chunk = requests.slice(start, start + chunkItems);
      const found = await this.#find(batch, chunk);
      slices.restart();
      for (const [index, request] of chunk.entries()) {
        await slices.next();
        const reference = found[index];
        items.push(errorOr(() => openItem(batch, request, reference)));
      }
    }
    return requests.map((_, index) => items[index] ?? answerTooLarge());
  }

  /** What is not valid refers to nothing here, and is refused when it is opened. */
  async #find({ parts, now }: Batch, requests: readonly RevealRequest[]): Promise<readonly FoundReference[]> {
    const { call } = parts;
    const { workspaceId, signal } = call;
    const referenceOf = (request: RevealRequest) => {
      if (errorOr(() => checkRequest(request)) instanceof VaultError) return undefined;
      if (request.id !== undefined) return parseReference('credential', request.id);
      return { match: matchOf(call, request, now) };
    };
    const all = new Map<number, FoundReference>();
    // Of one credential, several versions may be requested: each version is read separately.
    for (const version of new Set(requests.map(versionOf))) {
      const references = requests.map((one) => (versionOf(one) === version ? referenceOf(one) : undefined));
      let index = 0;
      await this.#parts.store.readAll({ workspaceId, references, ...loadedVersion(version), signal }, (found) => {
        for (const one of found) {
          if (references[index]) all.set(index, one);
          index += 1;
        }
        return true;
      });
    }
    return requests.map((_, index) => all.get(index) ?? { found: undefined, matches: undefined });
  }

  async #record(
    { parts, now }: Batch,
    requests: readonly RevealRequest[],
    items: readonly (OpenedItem | VaultError)[],
  ): Promise<readonly JointResult<RevealedSecret>[]> {
    const { call } = parts;
    const { workspaceId, signal } = call;
    const partsOf = (index: number) => ({ ...parts, field: requests[index]?.field ?? null });
    const version = (index: number) => requests[index]?.version ?? 0;
    const targets = items.map((item): JointTarget =>
      item instanceof VaultError ? { workspaceId } : { workspaceId, reference: { id: item.found.credential.id } },
    );
    return this.#parts.store.decideJointly({
      targets,
      isAtomic: false,
      checkedId: revocationCheckOf(partsOf(0))?.id,
      decide: (found, isRevoked) =>
        items.map((item, index) => {
          if (item instanceof VaultError) return recordedRefusal(parts, requests[index], item);
          const revocation = isRevoked ? revocationCheckOf(partsOf(index)) : undefined;
          if (revocation) return revocation.refuse(item.found.credential);
          return decideAgain({ parts: partsOf(index), now, version: version(index) }, item, found[index]);
        }),
      signal,
    });
  }
}

/** @throws VaultError `invalid_argument` for a request that has both an id and something else to find it by, or neither */
function checkRequest(request: RevealRequest): void {
  const { id, name, provider, subject, field } = request;
  checkVersionNumber('version', versionOf(request));
  if (id === undefined) return checkQuery(request);
  if (name !== undefined || provider !== undefined || subject !== undefined) {
    throw invalidArgument('credential_id', 'must not be combined with name, provider or subject');
  }
  checkOptionalText('field', field ?? null, limits.shortTextCharacters);
}

/** @throws VaultError for what is not revealed and has no event */
function openItem({ parts, now, room }: Batch, request: RevealRequest, reference?: FoundReference): OpenedItem {
  checkRequest(request);
  const { id, field } = request;
  const { found, matches } = reference ?? {};
  const isAbsent = !found || !isVisible(parts.call, found.credential);
  if (isAbsent && id !== undefined) throw notFound('credential', id);
  // A field may be much smaller than its secret, so its size is known only once it is open.
  const bytes = found?.current && field === undefined ? parts.cipher.paddedBytes(found.current.sealed) : 1;
  if (!room.hasRoomFor(bytes)) throw answerTooLarge();
  const revealParts = { ...parts, field: field ?? null };
  const decision =
    id === undefined || !found
      ? decideResolution({ parts: revealParts, cipher: parts.cipher, query: request, now }, found, matches)
      : onlyField(decideItem({ parts: revealParts, now, version: versionOf(request) }, found), field);
  if ('answer' in decision && !room.take(decision.answer.secret.expose())) throw answerTooLarge();
  assert(found, 'a secret was opened or refused');
  return { found, decision };
}

/** A lack of permission for one item has the event that it would have for a call. */
function recordedRefusal(
  parts: { readonly call: Authorized<'secrets.reveal'> } & Parameters<typeof auditEvent>[0],
  request: RevealRequest | undefined,
  refusal: VaultError,
): VaultError | { readonly event: AuditEvent; readonly refusal: VaultError } {
  if (refusal.code !== 'permission_denied') return refusal;
  const denied = { action: 'access.denied', outcome: 'DENIED', permission: 'secrets.reveal' } as const;
  const resourceId = request?.name ?? null;
  return { event: auditEvent(parts, parts.call, { ...denied, resourceKind: 'credential', resourceId }), refusal };
}

function versionOf({ version = 0 }: RevealRequest): number {
  return version;
}

/** What one item is decided with. */
interface ItemParts {
  readonly parts: RevealParts;
  readonly now: Date;
  /** 0 for the current one. */
  readonly version: number;
}

function decideItem({ parts, now, version }: ItemParts, found: FoundCredential): Decision<RevealedSecret> {
  return version === 0 ? decideReveal(parts, now, found) : decideVersionReveal(parts, now, found, version);
}

/** Decides on the credential as it is when the event is written. */
function decideAgain(
  item: ItemParts,
  { decision, found: opened }: OpenedItem,
  found: FoundCredential | undefined,
): Decision<RevealedSecret> | VaultError {
  if (!found || !isVisible(item.parts.call, found.credential)) return notFound('credential', opened.credential.id);
  const isStillRevealed = found.isGenuine && !refusalToReveal(found.credential, item.now);
  if (isStillRevealed) return decision;
  const { current, versions } = opened;
  return decideItem(item, { ...found, current, ...(versions && { versions }) });
}
