import type { Member as MemberMessage } from '../../../gen/coffer/v1/member_pb.ts';
import { WorkspaceService } from '../../../gen/coffer/v1/workspace_service_pb.ts';
import { ownerMutation, workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import { authenticatedRpc, workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { Member } from '../../vault/identity/identity.ts';
import type { MemberDirectory, MemberDraft } from '../../vault/identity/members.ts';
import type { Workspace } from '../../vault/workspaces/ports.ts';
import type { WorkspaceDirectory } from '../../vault/workspaces/workspaces.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { memberToMessage, roleFromEnum, workspaceToMessage } from './mapping.ts';
import { readPage } from './pages.ts';
import { inWorkspace } from './requests.ts';

/** The rpcs of `coffer.v1.WorkspaceService`: workspaces and their members. */
export function workspaceServiceRpcs({ workspaces, members }: DialectParts): BoundRpc[] {
  return [...workspaceRpcs(workspaces), ...memberRpcs(members)];
}

const workspaceAnswer = (workspace: Workspace) => ({ workspace: workspaceToMessage(workspace) });
const memberAnswer = (member: Member) => ({ member: memberToMessage(member) });

/** Owners see workspaces in which they have no grant: the directory decides. */
function workspaceRpcs(workspaces: WorkspaceDirectory): BoundRpc[] {
  const { createWorkspace, getWorkspace, listWorkspaces, deleteWorkspace } = WorkspaceService.method;
  const access = { permission: 'workspaces.manage' } as const;
  return [
    ownerMutation(createWorkspace, access, {
      answer: workspaceAnswer,
      run: ({ workspace }, call) => workspaces.createWorkspace(call, workspace?.name ?? ''),
    }),
    ownerMutation(deleteWorkspace, access, {
      answer: workspaceAnswer,
      run: ({ workspaceId, name }, call) => workspaces.deleteWorkspace(call, workspaceId, name),
    }),
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
    workspaceMutation(addMember, access, {
      isLookedUpFirst: true,
      answer: memberAnswer,
      run: async ({ member }, call) => members.addMember(call, memberFromMessage(member)),
    }),
    workspaceMutation(removeMember, access, {
      isLookedUpFirst: true,
      answer: memberAnswer,
      run: ({ userId }, call) => members.removeMember(call, userId),
    }),
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
