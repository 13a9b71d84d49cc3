import type { Permission } from '../../vault/permissions.ts';

/** What an rpc in a workspace takes: the permission, in the workspace that its request names. */
export interface WorkspaceAccess {
  readonly permission: Permission;
  readonly workspace: (request: { readonly workspaceId: string }) => string;
}

/** Asks for a permission in the request's workspace; validation has the last word on a request that names none. */
export function inWorkspace(permission: Permission): WorkspaceAccess {
  return { permission, workspace: ({ workspaceId }) => workspaceId };
}
