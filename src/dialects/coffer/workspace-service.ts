import { WorkspaceService } from '../../../gen/coffer/v1/workspace_service_pb.ts';
import { authenticatedRpc, ownerRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { WorkspaceDirectory } from '../../vault/workspaces/workspaces.ts';
import { workspaceToMessage } from './mapping.ts';
import { readPage } from './pages.ts';

/** The rpcs of `coffer.v1.WorkspaceService`. Owners see workspaces that they have no grant in: the directory decides. */
export function workspaceServiceRpcs(workspaces: WorkspaceDirectory): BoundRpc[] {
  const { createWorkspace, getWorkspace, listWorkspaces, deleteWorkspace } = WorkspaceService.method;
  return [
    ownerRpc(createWorkspace, { permission: 'workspaces.manage' }, async ({ workspace }, call) => ({
      workspace: workspaceToMessage(await workspaces.createWorkspace(call, workspace?.name ?? '')),
    })),
    ownerRpc(deleteWorkspace, { permission: 'workspaces.manage' }, async ({ workspaceId, name }, call) => ({
      workspace: workspaceToMessage(await workspaces.deleteWorkspace(call, workspaceId, name)),
    })),
    authenticatedRpc(getWorkspace, async ({ workspaceId }, call) => ({
      workspace: workspaceToMessage(await workspaces.describeWorkspace(call, workspaceId)),
    })),
    authenticatedRpc(listWorkspaces, async (request, call) => {
      const page = await readPage('workspaces', request, (range) => workspaces.listWorkspaces(call, range));
      return { workspaces: page.items.map(workspaceToMessage), nextPageToken: page.nextPageToken };
    }),
  ];
}
