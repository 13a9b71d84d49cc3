import type { Member as MemberMessage } from '../../../gen/coffer/v1/member_pb.ts';
import { WorkspaceService } from '../../../gen/coffer/v1/workspace_service_pb.ts';
import { workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { MemberDirectory, MemberDraft } from '../../vault/identity/members.ts';
import { inWorkspace } from './in-workspace.ts';
import { memberToMessage, roleFromEnum } from './mapping.ts';
import { readPage } from './pages.ts';

/** The rpcs of `coffer.v1.WorkspaceService` about the members of a workspace. */
export function memberRpcs(members: MemberDirectory): BoundRpc[] {
  const { addMember, removeMember, listMembers } = WorkspaceService.method;
  const access = inWorkspace('members.manage');
  return [
    workspaceRpc(addMember, access, async ({ member }, call) => ({
      member: memberToMessage(await members.addMember(call, draftFromMessage(member))),
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

function draftFromMessage(message: MemberMessage | undefined): MemberDraft {
  const { userId = '', role = 0, withoutReveal = false } = message ?? {};
  return { userId, role: roleFromEnum(role), mayReveal: !withoutReveal };
}
