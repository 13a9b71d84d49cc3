import { VaultError } from '../../vault/errors.ts';
import { nilUuid } from '../../vault/ids.ts';
import type { MasterRotation, MasterRotationStore, RotatedMaster } from '../../vault/workspaces/ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { CommitResult } from '../commits/standalone-write.ts';
import { KeyringEntity, WorkspaceEntity, WorkspaceKeyEntity } from '../entities/workspace.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { workspaceKeyGrants } from '../identity/grant-tables.ts';
import { showWorkspaces } from '../postgres/sessions/session-settings.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { tryLock } from '../postgres/statements/advisory-locks.ts';
import { isAfterId } from '../postgres/statements/entity-query.ts';
import { updateKeys } from '../workspaces/key-statements.ts';
import { isEmptied, newWorkspaceKeyRow, wrappedKeyOf } from '../workspaces/workspace-rows.ts';
import { keyringOf, keysUnsound, wrappingOf } from './key-store.ts';

/** How many workspaces' keys are wrapped in one round trip, between which other work of the process continues: about 6 ms. */
const workspacesAtATime = 100;

/** The rotation of the master key in PostgreSQL. */
export class SqlMasterRotationStore implements MasterRotationStore {
  readonly #commits: CommitQueue;
  readonly #guard: GrantGuard;

  constructor(commits: CommitQueue, guard: GrantGuard) {
    this.#commits = commits;
    this.#guard = guard;
  }

  async rotateMaster({
    event,
    fingerprint,
    keeping,
    rewrapKey,
    rewrapKeyring,
  }: MasterRotation): Promise<RotatedMaster> {
    const rotate = async (transaction: Transaction): Promise<CommitResult<RotatedMaster>> => {
      const [lock] = await transaction.run<{ readonly isFree: boolean }>(tryLock('masterRotation'));
      if (!lock?.isFree) throw rotationUnderWay();
      // A process that adds a key of a workspace meanwhile refers to this row, waits for the end, and is then refused.
      const [stored] = await transaction.find(KeyringEntity, { where: { id: 1 }, lock: 'update' });
      if (!stored) throw keysUnsound();
      const rewrapped = { ...wrappingOf(rewrapKeyring(keyringOf(stored))), rotatedAt: event.time };
      await transaction.update(KeyringEntity, { id: 1 }, rewrapped);
      const workspaceKeys = await this.#rewrapAll(transaction, { fingerprint, rewrapKey });
      return { answer: { fingerprint, workspaceKeys, rotatedAt: event.time }, events: [event] };
    };
    return this.#commits.run({}, rotate, keeping);
  }

  async #rewrapAll(
    transaction: Transaction,
    rewrapping: Pick<MasterRotation, 'fingerprint' | 'rewrapKey'>,
  ): Promise<number> {
    let count = 0;
    for (let after: string | undefined; ;) {
      const criteria = { where: isAfterId(after), orderBy: { id: 'asc' }, limit: workspacesAtATime } as const;
      const workspaces = await transaction.find(WorkspaceEntity, criteria);
      const ids = workspaces.map(({ id }) => id);
      if (ids.length > 0) count += await this.#rewrapKeys(transaction, ids, rewrapping);
      if (ids.length < workspacesAtATime) return count;
      after = ids.at(-1);
    }
  }

  async #rewrapKeys(
    transaction: Transaction,
    workspaceIds: readonly string[],
    { fingerprint, rewrapKey: rewrap }: Pick<MasterRotation, 'fingerprint' | 'rewrapKey'>,
  ): Promise<number> {
    const [, rows] = await Promise.all([
      // With the place of the record of the request, which is written at the end.
      transaction.run(showWorkspaces([nilUuid, ...workspaceIds])),
      transaction.find(WorkspaceKeyEntity, { where: { workspaceId: { $in: [...workspaceIds] } } }),
    ]);
    if (!rows.every((row) => this.#guard.isGenuine(workspaceKeyGrants, row))) throw keysUnsound();
    const rewrapped = rows.map((row) => {
      const key = wrappedKeyOf(row);
      return isEmptied(row) ? Object.assign(key, { masterFingerprint: fingerprint }) : rewrap(key);
    });
    const signed = rewrapped.map((key) => newWorkspaceKeyRow(this.#guard, key));
    if (signed.length > 0) await transaction.run(updateKeys(signed));
    return signed.filter((key) => !isEmptied(key)).length;
  }
}

function rotationUnderWay(): VaultError {
  return new VaultError('request_in_progress', 'a rotation of the master key is under way', {
    reason: 'ROTATION_UNDER_WAY',
  });
}
