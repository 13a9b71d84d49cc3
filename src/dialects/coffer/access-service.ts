import { AccessService, type CreateApiKeyRequest } from '../../../gen/coffer/v1/access_service_pb.ts';
import { authenticatedRpc, workspaceRpc, type BoundRpc } from '../../gateway/contract/bound-rpc.ts';
import type { ApiKeyDirectory, ApiKeyDraft } from '../../vault/identity/api-keys.ts';
import { inWorkspace } from './in-workspace.ts';
import { apiKeyToMessage, callerToMessage, expiryOf, roleFromEnum } from './mapping.ts';
import { readPage } from './pages.ts';

/** The rpcs of `coffer.v1.AccessService`. */
export function accessServiceRpcs(apiKeys: ApiKeyDirectory): BoundRpc[] {
  const { createApiKey, listApiKeys, revokeApiKey, whoAmI } = AccessService.method;
  const access = inWorkspace('api_keys.manage');
  return [
    workspaceRpc(createApiKey, access, async (request, call) => {
      const { apiKey, token } = await apiKeys.createApiKey(call, draftFromRequest(request));
      return { apiKey: apiKeyToMessage(apiKey), token: token ?? '' };
    }),
    workspaceRpc(listApiKeys, access, async (request, call) => {
      const page = await readPage('api_keys', request, (range) => apiKeys.listApiKeys(call, range));
      return { apiKeys: page.items.map(apiKeyToMessage), nextPageToken: page.nextPageToken };
    }),
    workspaceRpc(revokeApiKey, access, async ({ apiKeyId }, call) => ({
      apiKey: apiKeyToMessage(await apiKeys.revokeApiKey(call, apiKeyId)),
    })),
    authenticatedRpc(whoAmI, async (_, { caller }) => callerToMessage(caller)),
  ];
}

function draftFromRequest(request: CreateApiKeyRequest): ApiKeyDraft {
  return {
    name: request.name,
    role: roleFromEnum(request.role),
    mayReveal: !request.withoutReveal,
    providers: request.providers,
    tags: request.tags,
    credentialIds: request.credentialIds,
    dialect: request.dialect === '' ? null : request.dialect,
    expiresAt: expiryOf(request.expiresAt),
    certificateSan: request.certificateSan === '' ? null : request.certificateSan,
  };
}
