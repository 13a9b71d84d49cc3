import { VaultError } from '../../vault/errors.ts';
import { nilUuid } from '../../vault/ids.ts';
import type {
  MasterRotation,
  MasterRotationStore,
  RotatedMaster,
  WrappedWorkspaceKey,
} from '../../vault/workspaces/ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { CommitResult } from '../commits/standalone-write.ts';
import { KeyringEntity, WorkspaceEntity, WorkspaceKeyEntity } from '../entities/workspace.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { workspaceKeyGrants } from '../identity/grant-tables.ts';
import { showWorkspaces } from '../postgres/sessions/session-settings.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { tryLock } from '../postgres/statements/advisory-locks.ts';
import { isAfterId } from '../postgres/statements/entity-query.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import { newWorkspaceKeyRow, wrappedKeyOf } from '../workspaces/workspace-rows.ts';
import { keyringOf, keysUnsound, wrappingOf } from './key-store.ts';

/** How many workspaces' keys are wrapped in one round trip, between which other work of the process continues: about 6 ms. */
const workspacesAtATime = 100;

type SignedKey = ReturnType<typeof newWorkspaceKeyRow>;

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
      await transaction.update(KeyringEntity, { id: 1 }, wrappingOf(rewrapKeyring(keyringOf(stored))));
      const workspaceKeys = await this.#rewrapAll(transaction, rewrapKey);
      return { answer: { fingerprint, workspaceKeys, rotatedAt: event.time }, events: [event] };
    };
    return this.#commits.run({}, rotate, keeping);
  }

  async #rewrapAll(transaction: Transaction, rewrap: MasterRotation['rewrapKey']): Promise<number> {
    let count = 0;
    for (let after: string | undefined; ;) {
      const criteria = { where: isAfterId(after), orderBy: { id: 'asc' }, limit: workspacesAtATime } as const;
      const workspaces = await transaction.find(WorkspaceEntity, criteria);
      const ids = workspaces.map(({ id }) => id);
      if (ids.length > 0) count += await this.#rewrapKeys(transaction, ids, rewrap);
      if (ids.length < workspacesAtATime) return count;
      after = ids.at(-1);
    }
  }

  async #rewrapKeys(
    transaction: Transaction,
    workspaceIds: readonly string[],
    rewrap: MasterRotation['rewrapKey'],
  ): Promise<number> {
    const [, rows] = await Promise.all([
      // With the place of the record of the request, which is written at the end.
      transaction.run(showWorkspaces([nilUuid, ...workspaceIds])),
      transaction.find(WorkspaceKeyEntity, { where: { workspaceId: { $in: [...workspaceIds] } } }),
    ]);
    if (!rows.every((row) => this.#guard.isGenuine(workspaceKeyGrants, row))) throw keysUnsound();
    const signed = rows.map((row) => newWorkspaceKeyRow(this.#guard, rewrap(wrappedKeyOf(row))));
    if (signed.length > 0) await transaction.run(updateKeys(signed));
    return signed.length;
  }
}

function rotationUnderWay(): VaultError {
  return new VaultError('request_in_progress', 'a rotation of the master key is under way', {
    reason: 'ROTATION_UNDER_WAY',
  });
}

/** One statement for many rows, which the query builder does not have. */
function updateKeys(keys: readonly SignedKey[]): Statement {
  const column = <Name extends keyof WrappedWorkspaceKey | 'mac'>(name: Name) => keys.map((key) => key[name]);
  return {
    name: '~workspace keys',
    text: `
      update workspace_key k set wrapped = n.wrapped, master_fingerprint = n.master_fingerprint, mac = n.mac
      from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::text[], $5::bytea[])
        as n (workspace_id, key_id, wrapped, master_fingerprint, mac)
      where k.workspace_id = n.workspace_id and k.key_id = n.key_id`,
    values: [column('workspaceId'), column('keyId'), column('wrapped'), column('masterFingerprint'), column('mac')],
  };
}
