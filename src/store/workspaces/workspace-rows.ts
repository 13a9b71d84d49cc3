import type { Workspace, WrappedWorkspaceKey } from '../../vault/workspaces/ports.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { workspaceGrants, workspaceKeyGrants } from '../identity/grant-tables.ts';
import { insertInto, type Fragment } from '../postgres/statements/statement.ts';

/** The workspace in a row, without the columns that only the store reads. */
export function workspaceOf({ id, name, createdBy, createdAt }: Workspace): Workspace {
  return { id, name, createdBy, createdAt };
}

/** The workspace key in a row. */
export function wrappedKeyOf(key: WrappedWorkspaceKey): WrappedWorkspaceKey {
  const { workspaceId, keyId, wrapped, masterFingerprint, createdAt } = key;
  return { workspaceId, keyId, wrapped, masterFingerprint, createdAt };
}

/** Inserts a workspace with its MAC. */
export function insertWorkspace(guard: GrantGuard, workspace: Workspace): Fragment {
  return insertInto('workspace', guard.sign(workspaceGrants, workspaceOf(workspace)));
}

/** Inserts a workspace key with its MAC. */
export function insertWorkspaceKey(guard: GrantGuard, key: WrappedWorkspaceKey): Fragment {
  return insertInto('workspace_key', guard.sign(workspaceKeyGrants, wrappedKeyOf(key)));
}
