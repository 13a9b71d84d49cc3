import { AccessService, type CreateUserRequest } from '../../../gen/coffer/v1/access_service_pb.ts';
import { ownerRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { UserDirectory, UserDraft } from '../../vault/identity/users.ts';
import { userToMessage } from './mapping.ts';
import { readPage } from './pages.ts';

/** The rpcs of `coffer.v1.AccessService` about the users of the instance. */
export function userRpcs(users: UserDirectory): BoundRpc[] {
  const { createUser, getUser, listUsers, deactivateUser } = AccessService.method;
  const access = { permission: 'users.manage' } as const;
  return [
    ownerRpc(createUser, access, async (request, call) => ({
      user: userToMessage(await users.createUser(call, draftFromRequest(request))),
    })),
    ownerRpc(getUser, access, async ({ userId }, call) => ({
      user: userToMessage(await users.describeUser(call, userId)),
    })),
    ownerRpc(listUsers, access, async (request, call) => {
      const page = await readPage('users', request, (range) => users.listUsers(call, range));
      return { users: page.items.map(userToMessage), nextPageToken: page.nextPageToken };
    }),
    ownerRpc(deactivateUser, access, async ({ userId }, call) => ({
      user: userToMessage(await users.deactivateUser(call, userId)),
    })),
  ];
}

function draftFromRequest({ user, password }: CreateUserRequest): UserDraft {
  const { name = '', isOwner = false, defaultWorkspaceId = '' } = user ?? {};
  return { name, isOwner, defaultWorkspace: defaultWorkspaceId || 'default', password };
}
