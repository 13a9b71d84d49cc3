import type { InferEntity } from '@mikro-orm/postgresql';
import { notFound } from '../../vault/errors.ts';
import type { Workspace, WrappedWorkspaceKey } from '../../vault/workspaces/ports.ts';
import { WorkspaceEntity } from '../entities/workspace.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { workspaceGrants, workspaceKeyGrants } from '../identity/grant-tables.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';

/** A row of `workspace` as it is read. */
export type WorkspaceRow = Omit<InferEntity<typeof WorkspaceEntity>, 'shortId' | 'purgedAt'>;

/** The properties of a workspace that are read. */
export const workspaceProperties = [
  'id',
  'name',
  'createdBy',
  'createdAt',
  'deletedAt',
  'mac',
] as const satisfies readonly (keyof WorkspaceRow)[];

/** The workspace in a row. */
export function workspaceOf({ id, name, createdBy, createdAt }: Workspace): Workspace {
  return { id, name, createdBy, createdAt };
}

/** The workspace key in a row. */
export function wrappedKeyOf(key: WrappedWorkspaceKey): WrappedWorkspaceKey {
  const { workspaceId, keyId, wrapped, masterFingerprint, createdAt } = key;
  return { workspaceId, keyId, wrapped, masterFingerprint, createdAt };
}

/** The row of a new workspace, with its MAC. */
export function newWorkspaceRow(guard: GrantGuard, workspace: Workspace) {
  return guard.sign(workspaceGrants, workspaceOf(workspace));
}

/** The row of a new key of a workspace, with its MAC. */
export function newWorkspaceKeyRow(guard: GrantGuard, key: WrappedWorkspaceKey) {
  return guard.sign(workspaceKeyGrants, wrappedKeyOf(key));
}

/**
 * Keeps a workspace from being deleted until the transaction ends: nothing may be granted in one that is being deleted.
 *
 * @throws VaultError `not_found`
 */
export async function requireWorkspace(transaction: Transaction, id: string): Promise<void> {
  const rows = await transaction.find(WorkspaceEntity, { where: { id, deletedAt: null }, lock: 'share' });
  if (rows.length === 0) throw notFound('workspace', id);
}
