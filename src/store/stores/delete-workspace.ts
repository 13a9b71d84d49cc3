import { workspaceUnreadable } from '../../vault/errors.ts';
import type { WorkspaceDeletion } from '../../vault/workspaces/ports.ts';
import { ApiKeyEntity, MembershipEntity, UserEntity } from '../entities/identity.ts';
import { WorkspaceEntity, WorkspaceKeyEntity } from '../entities/workspace.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { userGrants, workspaceGrants } from '../identity/grant-tables.ts';
import { updateUser } from '../identity/identity-rows.ts';
import { revokeApiKeys } from '../identity/revocation.ts';
import { isAfterId } from '../postgres/statements/entity-query.ts';
import { takeLock } from '../postgres/statements/advisory-locks.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';

/** How many keys or users are changed in one round trip, so that the process can do other work in between. */
const rowsAtATime = 200;

/**
 * Deletes a workspace as far as that happens at once; see `WorkspaceStore`. The transaction's scope must name the workspace.
 */
export async function deleteWorkspace(
  guard: GrantGuard,
  transaction: Transaction,
  { workspaceId, deletedAt }: { readonly workspaceId: string; readonly deletedAt: Date },
): Promise<WorkspaceDeletion> {
  // The first owner, whose default workspace is the instance's, must not change meanwhile.
  await transaction.run(takeLock('firstUser'));
  const where = { isOwner: true, deactivatedAt: null };
  const owners = await transaction.find(UserEntity, { where, orderBy: { id: 'asc' } });
  const first = owners.find((row) => guard.isGenuine(userGrants, row));
  if (!first || first.defaultWorkspaceId === workspaceId) return 'default';
  const [workspace] = await transaction.find(WorkspaceEntity, {
    where: { id: workspaceId, deletedAt: null },
    lock: 'no key update',
  });
  if (!workspace) return 'absent';
  // A new MAC would make a row valid that was tampered with.
  if (!guard.isGenuine(workspaceGrants, workspace)) throw workspaceUnreadable(workspaceId);
  const { mac } = guard.sign(workspaceGrants, { ...workspace, deletedAt });
  // In this order: only the keys of deleted workspaces may be deleted.
  await Promise.all([
    transaction.update(WorkspaceEntity, { id: workspaceId }, { deletedAt, mac }),
    transaction.delete(WorkspaceKeyEntity, { workspaceId }),
    transaction.delete(MembershipEntity, { workspaceId }),
  ]);
  await revokeKeys(guard, transaction, { workspaceId, revokedAt: deletedAt });
  await moveUsers(guard, transaction, { from: workspaceId, to: first.defaultWorkspaceId });
  return 'done';
}

async function revokeKeys(
  guard: GrantGuard,
  transaction: Transaction,
  { workspaceId, revokedAt }: { readonly workspaceId: string; readonly revokedAt: Date },
): Promise<void> {
  await forEachSome(
    (after) =>
      transaction.find(ApiKeyEntity, {
        where: { workspaceId, revokedAt: null, ...isAfterId(after) },
        orderBy: { id: 'asc' },
        limit: rowsAtATime,
        lock: 'no key update',
      }),
    (rows) => revokeApiKeys(guard, transaction, { rows, revokedAt }),
  );
}

/** Users whose default workspace is deleted get another one; users that fail their MAC make no calls. */
async function moveUsers(
  guard: GrantGuard,
  transaction: Transaction,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  await forEachSome(
    (after) =>
      transaction.find(UserEntity, {
        where: { defaultWorkspaceId: from, ...isAfterId(after) },
        orderBy: { id: 'asc' },
        limit: rowsAtATime,
        lock: 'no key update',
      }),
    (rows) => {
      const genuine = rows.filter((row) => guard.isGenuine(userGrants, row));
      return Promise.all(genuine.map((row) => updateUser(guard, transaction, row, { defaultWorkspaceId: to })));
    },
  );
}

/** Reads all rows in the order of their ids, some at a time, and works with them. */
async function forEachSome<Row extends { readonly id: string }>(
  read: (after: string | undefined) => Promise<readonly Row[]>,
  work: (rows: readonly Row[]) => Promise<unknown>,
): Promise<void> {
  for (let after: string | undefined; ;) {
    const rows = await read(after);
    await work(rows);
    if (rows.length < rowsAtATime) return;
    after = rows.at(-1)?.id;
  }
}
