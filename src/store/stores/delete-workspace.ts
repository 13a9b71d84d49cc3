import type { WorkspaceDeletion } from '../../vault/workspaces/ports.ts';
import { apiKeyOf, type ApiKeyRow, type UserRow } from '../identity/access-rows.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { apiKeyGrants, userGrants, workspaceGrants } from '../identity/grant-tables.ts';
import { workspaceUnreadable } from '../../vault/errors.ts';
import { combine, updateRow, updateRows } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { lockFirstUser, lockValidKeys, lockUsersOf, rowsAtATime } from '../identity/user-statements.ts';
import {
  deleteMemberships,
  deleteWorkspaceKeys,
  activeOwners,
  lockWorkspace,
  type WorkspaceRow,
} from '../workspaces/workspace-statements.ts';

const revocationTypes = { id: 'uuid', revokedAt: 'timestamptz', mac: 'bytea' };
const removalTypes = { id: 'uuid', defaultWorkspaceId: 'uuid', mac: 'bytea' };

/** Deletes a workspace, as far as it is done at once; see `WorkspaceStore`. The transaction must be let into it. */
export async function deleteWorkspace(
  guard: GrantGuard,
  transaction: Transaction,
  { workspaceId, deletedAt }: { readonly workspaceId: string; readonly deletedAt: Date },
): Promise<WorkspaceDeletion> {
  // Whose default workspace is the instance's must not change meanwhile.
  await transaction.run(lockFirstUser);
  const owners = await transaction.run<UserRow>(activeOwners);
  const first = owners.find((row) => guard.holds(userGrants, row));
  if (!first || first.defaultWorkspaceId === workspaceId) return 'default';
  const [workspace] = await transaction.run<WorkspaceRow>(lockWorkspace(workspaceId));
  if (!workspace) return 'absent';
  // A new MAC would make a row valid that was tampered with.
  if (!guard.holds(workspaceGrants, workspace)) throw workspaceUnreadable(workspaceId);
  const { mac } = guard.sign(workspaceGrants, { ...workspace, deletedAt });
  await transaction.run(combine(updateRow('workspace', { id: workspaceId }, { deletedAt, mac })));
  // Statements of one round trip don't see one another, and only keys of deleted workspaces may go.
  await transaction.run(combine(deleteWorkspaceKeys(workspaceId), deleteMemberships(workspaceId)));
  await revokeKeys(guard, transaction, { workspaceId, revokedAt: deletedAt });
  await moveUsers(guard, transaction, { from: workspaceId, to: first.defaultWorkspaceId });
  return 'done';
}

/** Keys that fail their MAC are void as they are. */
async function revokeKeys(
  guard: GrantGuard,
  transaction: Transaction,
  { workspaceId, revokedAt }: { readonly workspaceId: string; readonly revokedAt: Date },
): Promise<void> {
  for (let after: string | null = null; ;) {
    const rows: readonly ApiKeyRow[] = await transaction.run<ApiKeyRow>(lockValidKeys(workspaceId, after));
    const revoked = rows
      .filter((row) => guard.holds(apiKeyGrants, row))
      .map((row) => guard.sign(apiKeyGrants, { ...apiKeyOf(row), revokedAt }))
      .map(({ id, mac }) => ({ id, revokedAt, mac }));
    if (revoked.length > 0) {
      await transaction.run(combine(updateRows('api_key', revocationTypes, { keys: ['id'], rows: revoked })));
    }
    if (rows.length < rowsAtATime) return;
    after = rows.at(-1)?.id ?? null;
  }
}

/** Calls of users that name no workspace go elsewhere; who fails his MAC makes none. */
async function moveUsers(
  guard: GrantGuard,
  transaction: Transaction,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  for (let after: string | null = null; ;) {
    const rows: readonly UserRow[] = await transaction.run<UserRow>(lockUsersOf(from, after));
    const moved = rows
      .filter((row) => guard.holds(userGrants, row))
      .map((row) => guard.sign(userGrants, { ...row, defaultWorkspaceId: to }))
      .map(({ id, mac }) => ({ id, defaultWorkspaceId: to, mac }));
    if (moved.length > 0) {
      await transaction.run(combine(updateRows('user', removalTypes, { keys: ['id'], rows: moved })));
    }
    if (rows.length < rowsAtATime) return;
    after = rows.at(-1)?.id ?? null;
  }
}
