import type { Member as MemberMessage } from '../../../gen/coffer/v1/member_pb.ts';
import { WorkspaceService } from '../../../gen/coffer/v1/workspace_service_pb.ts';
import { authenticatedRpc, ownerRpc, workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { MemberDirectory, MemberDraft } from '../../vault/identity/members.ts';
import type { WorkspaceDirectory } from '../../vault/workspaces/workspaces.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { memberToMessage, roleFromEnum, workspaceToMessage } from './mapping.ts';
import { readPage } from './pages.ts';
import { inWorkspace } from './requests.ts';

/** The rpcs of `coffer.v1.WorkspaceService`: workspaces and their members. */
export function workspaceServiceRpcs({ workspaces, members }: DialectParts): BoundRpc[] {
  return [...workspaceRpcs(workspaces), ...memberRpcs(members)];
}

/** Owners see workspaces in which they have no grant: the directory decides. */
function workspaceRpcs(workspaces: WorkspaceDirectory): BoundRpc[] {
  const { createWorkspace, getWorkspace, listWorkspaces, deleteWorkspace } = WorkspaceService.method;
  const access = { permission: 'workspaces.manage' } as const;
  return [
    ownerRpc(createWorkspace, access, async ({ workspace }, call) => ({
      workspace: workspaceToMessage(await workspaces.createWorkspace(call, workspace?.name ?? '')),
    })),
    ownerRpc(deleteWorkspace, access, async ({ workspaceId, name }, call) => ({
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

function memberRpcs(members: MemberDirectory): BoundRpc[] {
  const { addMember, removeMember, listMembers } = WorkspaceService.method;
  const access = inWorkspace('members.manage');
  return [
    workspaceRpc(addMember, access, async ({ member }, call) => ({
      member: memberToMessage(await members.addMember(call, memberFromMessage(member))),
    })),
    workspaceRpc(removeMember, access, async ({ userId }, call) => ({
      member: memberToMessage(await members.removeMember(call, userId)),
    })),
    workspaceRpc(listMembers, access, async (request, call) => {
      const page = await readPage('members', request, async (range) => {
        const found = await members.listMembers(call, range);
        return found.map((member) => ({ id: member.userId, member }));
      });
      return { members: page.items.map(({ member }) => memberToMessage(member)), nextPageToken: page.nextPageToken };
    }),
  ];
}

function memberFromMessage(message: MemberMessage | undefined): MemberDraft {
  const { userId = '', role = 0, withoutReveal = false } = message ?? {};
  return { userId, role: roleFromEnum(role), mayReveal: !withoutReveal };
}
