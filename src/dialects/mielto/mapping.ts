import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CreateCredentialRequest, CredentialReadSchema } from '../../../gen/mielto/v1/credential_service_pb.ts';
import { draftDefaults, type CredentialDraft } from '../../vault/credential-rules.ts';
import { stateOf, type Credential } from '../../vault/credential.ts';
import { Secret } from '../../vault/secret.ts';

/** The name of the dialect, and the origin of what it creates. */
export const mieltoName = 'mielto';

const providerDefault = 'custom';

/** What the vault is to keep of a create. */
export function draftOf(request: CreateCredentialRequest): CredentialDraft {
  return {
    ...draftDefaults,
    name: request.label ?? '',
    description: request.description ?? null,
    // An empty provider passes there; the vault's providers are never empty.
    provider: request.provider || providerDefault,
    authType: request.authType ?? '',
    category: request.credentialType ?? null,
    scope: request.credentialScope ?? '',
    metadata: request.userId === undefined ? null : { user_id: request.userId },
  };
}

/** The secret of a create. */
export function secretOf(request: CreateCredentialRequest): Secret {
  return new Secret(request.credentials ?? {});
}

/** Shows a credential as it was sent; one that another dialect created as near as its enums allow. */
export function readOf(credential: Credential, now: Date): MessageInitShape<typeof CredentialReadSchema> {
  const isOwn = credential.origin === mieltoName;
  return {
    label: credential.name,
    description: credential.description ?? undefined,
    authType: isOwn ? credential.authType : nearestAuthType(credential.authType),
    credentialType:
      credential.category !== null && isCredentialType(credential.category) ? credential.category : undefined,
    credentialScope: credential.scope ?? 'workspace',
    provider: credential.provider,
    userId: isOwn ? userIdOf(credential) : undefined,
    id: credential.id,
    workspaceId: credential.workspaceId,
    createdBy: credential.createdBy,
    status: stateOf(credential, now).toLowerCase(),
    expiresAt: credential.expiresAt ? timestampFromDate(credential.expiresAt) : undefined,
    lastUsedAt: credential.lastUsedAt ? timestampFromDate(credential.lastUsedAt) : undefined,
    createdAt: timestampFromDate(credential.createdAt),
    updatedAt: timestampFromDate(credential.updatedAt),
  };
}

function userIdOf({ metadata }: Credential): string | undefined {
  const userId = metadata?.['user_id'];
  return typeof userId === 'string' ? userId : undefined;
}

/** The enum's own names stand for themselves, those of other dialects for the nearest of them. */
const authTypes: ReadonlyMap<string, string> = new Map([
  ['api_key', 'api_key'],
  ['oauth_token', 'oauth_token'],
  ['oauth_token_refresh', 'oauth_token_refresh'],
  ['oauth_token_refresh_rotation', 'oauth_token_refresh_rotation'],
  ['basic_auth', 'basic_auth'],
  ['access_token', 'access_token'],
  ['access_token_refresh', 'access_token_refresh'],
  ['public_key_secret', 'public_key_secret'],
  ['connection_string', 'connection_string'],
  ['key', 'api_key'],
  ['slack', 'access_token'],
  ['bearer_token', 'access_token'],
  ['jwt', 'access_token'],
  ['oauth2', 'oauth_token'],
  ['ssh_key', 'public_key_secret'],
]);

function nearestAuthType(authType: string): string {
  return authTypes.get(authType.toLowerCase()) ?? 'custom';
}

const credentialTypes: ReadonlySet<string> = new Set([
  'integration',
  'llm',
  'storage',
  'vector_store',
  'auth_provider',
  'custom',
]);

function isCredentialType(category: string): boolean {
  return credentialTypes.has(category);
}
