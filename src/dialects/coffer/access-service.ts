import {
  AccessService,
  type CreateApiKeyRequest,
  type CreateUserRequest,
} from '../../../gen/coffer/v1/access_service_pb.ts';
import { ownerMutation, workspaceMutation } from '../../gateway/contract/bound-mutation.ts';
import {
  authenticatedRpc,
  ownerRpc,
  publicRpc,
  workspaceRpc,
  type BoundRpc,
} from '../../gateway/contract/bound-rpc.ts';
import type { ApiKeyDirectory, ApiKeyDraft, IssuedApiKey } from '../../vault/identity/api-keys.ts';
import type { UsedApiKey, User } from '../../vault/identity/identity.ts';
import type { UserDirectory, UserDraft } from '../../vault/identity/users.ts';
import type { DialectParts } from '../shared/dialect-parts.ts';
import { toTimestamp } from '../shared/well-known-types.ts';
import { apiKeyToMessage, callerToMessage, expiryOf, roleFromEnum, userToMessage } from './mapping.ts';
import { readPage } from './pages.ts';
import { inWorkspace } from './requests.ts';

/** The rpcs of `coffer.v1.AccessService`: API keys, users, passwords and sessions. */
export function accessServiceRpcs(parts: DialectParts): BoundRpc[] {
  return [...apiKeyRpcs(parts.apiKeys), ...sessionRpcs(parts), ...userRpcs(parts.users)];
}

function apiKeyRpcs(apiKeys: ApiKeyDirectory): BoundRpc[] {
  const { createApiKey, listApiKeys, revokeApiKey, whoAmI } = AccessService.method;
  const access = inWorkspace('api_keys.manage');
  return [
    workspaceMutation(createApiKey, access, {
      isLookedUpFirst: true,
      answer: ({ apiKey, token }: IssuedApiKey) => ({ apiKey: apiKeyToMessage(apiKey), token: token ?? '' }),
      run: async (request, call) => apiKeys.createApiKey(call, apiKeyFromRequest(request)),
    }),
    workspaceRpc(listApiKeys, access, async (request, call) => {
      const page = await readPage('api_keys', request, (range) => apiKeys.listApiKeys(call, range));
      return { apiKeys: page.items.map(apiKeyToMessage), nextPageToken: page.nextPageToken };
    }),
    workspaceMutation(revokeApiKey, access, {
      isLookedUpFirst: true,
      answer: (apiKey: UsedApiKey) => ({ apiKey: apiKeyToMessage(apiKey) }),
      run: ({ apiKeyId }, call) => apiKeys.revokeApiKey(call, apiKeyId),
    }),
    authenticatedRpc(whoAmI, async (_, { caller }) => callerToMessage(caller)),
  ];
}

const userAnswer = (user: User) => ({ user: userToMessage(user) });

function userRpcs(users: UserDirectory): BoundRpc[] {
  const { createUser, getUser, listUsers, deactivateUser } = AccessService.method;
  const access = { permission: 'users.manage' } as const;
  return [
    ownerMutation(createUser, access, {
      answer: userAnswer,
      run: async (request, call) => users.createUser(call, userFromRequest(request)),
    }),
    ownerRpc(getUser, access, async ({ userId }, call) => ({
      user: userToMessage(await users.describeUser(call, userId)),
    })),
    ownerRpc(listUsers, access, async (request, call) => {
      const page = await readPage('users', request, (range) => users.listUsers(call, range));
      return { users: page.items.map(userToMessage), nextPageToken: page.nextPageToken };
    }),
    ownerMutation(deactivateUser, access, {
      answer: userAnswer,
      run: ({ userId }, call) => users.deactivateUser(call, userId),
    }),
  ];
}

function sessionRpcs({ login }: DialectParts): BoundRpc[] {
  const { login: logIn, logout, changePassword } = AccessService.method;
  return [
    publicRpc(logIn, async ({ user, password }, call) => {
      const { token, expiresAt } = await login.loginByName(call, { user, password });
      return { token, expiresAt: toTimestamp(expiresAt) };
    }),
    authenticatedRpc(logout, async (_, call) => {
      await login.logout(call);
      return {};
    }),
    authenticatedRpc(changePassword, async ({ currentPassword, newPassword }, call) => {
      await login.changePassword(call, { current: currentPassword, next: newPassword });
      return {};
    }),
  ];
}

function apiKeyFromRequest(request: CreateApiKeyRequest): ApiKeyDraft {
  return {
    name: request.name,
    role: roleFromEnum(request.role),
    mayReveal: !request.withoutReveal,
    providers: request.providers,
    tags: request.tags,
    credentialIds: request.credentialIds,
    subjects: request.subjects,
    dialect: request.dialect === '' ? null : request.dialect,
    expiresAt: expiryOf(request.expiresAt),
    certificateSan: request.certificateSan === '' ? null : request.certificateSan,
  };
}

function userFromRequest({ user, password }: CreateUserRequest): UserDraft {
  const { name = '', isOwner = false, defaultWorkspaceId = '' } = user ?? {};
  return { name, isOwner, defaultWorkspace: defaultWorkspaceId || 'default', password };
}
