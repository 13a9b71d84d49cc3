import type { Permission } from '../../vault/permissions.ts';

/** What an rpc in a workspace takes: the permission, in the workspace that its request names. */
export interface WorkspaceAccess {
  readonly permission: Permission;
  readonly workspace: (request: { readonly workspaceId: string }) => string;
}

/**
 * Asks for a permission in the request's workspace. Authorization comes before validation, so that a request without a
 * workspace is authorized for the default one, and is then refused for the member it lacks.
 */
export function inWorkspace(permission: Permission): WorkspaceAccess {
  return { permission, workspace: ({ workspaceId }) => (workspaceId === '' ? 'default' : workspaceId) };
}
