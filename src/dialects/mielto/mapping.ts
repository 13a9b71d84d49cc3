import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CreateCredentialRequest,
  CredentialReadSchema,
  UpdateCredentialRequest,
} from '../../../gen/mielto/v1/credential_service_pb.ts';
import { draftDefaults, type CredentialDraft } from '../../vault/credentials/credential-rules.ts';
import type { CredentialChange } from '../../vault/credentials/credential-change.ts';
import { stateOf, type Credential } from '../../vault/credentials/credential.ts';
import { Secret } from '../../vault/secret.ts';
import type { SecretChange } from '../../vault/credentials/secret-change.ts';
import { holdsMask, isMask, unmask } from '../shared/masks.ts';
import { inStoredNames } from '../shared/secret-fields.ts';
import { toTimestamp } from '../shared/well-known-types.ts';
import { authTypeMappings } from '../shared/auth-type-mapping.ts';

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

/**
 * What an update changes; a member that is absent stays. So does one that is sent back as it is shown, since what another
 * dialect created is shown only nearly as it is.
 */
export function changeOf(request: UpdateCredentialRequest, current: Credential): CredentialChange {
  const { label, description, authType, credentialType, credentialScope, provider, userId } = request;
  const shown = nearestOf(current);
  return {
    ...(label !== undefined && { name: label }),
    ...(description !== undefined && { description }),
    ...(authType !== undefined && authType !== shown.authType && { authType }),
    ...(credentialType !== undefined && { category: credentialType }),
    ...(credentialScope !== undefined && credentialScope !== shown.credentialScope && { scope: credentialScope }),
    ...(provider !== undefined && { provider: provider || providerDefault }),
    ...(userId !== undefined && { metadata: { ...current.metadata, user_id: userId } }),
  };
}

/** How an update changes the secret; undefined where it does not. */
export function secretChangeOf({ credentials }: UpdateCredentialRequest): SecretChange | undefined {
  if (!credentials) return undefined;
  const needsPresent = holdsMask(credentials);
  return {
    sent: new Secret(credentials),
    needsPresent,
    merge: (present, credential) => {
      const change = { dialect: mieltoName, sent: credentials, isUnchanged: isMask };
      const sent = inStoredNames(change, present, credential);
      return { secret: new Secret(unmask(sent, present.expose())), keepsPresent: needsPresent };
    },
  };
}

/** Shows a credential as it was sent; one that another dialect created as near as its enums allow. */
export function readOf(credential: Credential, now: Date): MessageInitShape<typeof CredentialReadSchema> {
  return {
    label: credential.name,
    description: credential.description ?? undefined,
    ...nearestOf(credential),
    provider: credential.provider,
    userId: userIdOf(credential),
    id: credential.id,
    workspaceId: credential.workspaceId,
    createdBy: credential.createdBy,
    status: stateOf(credential, now).toLowerCase(),
    expiresAt: credential.expiresAt ? toTimestamp(credential.expiresAt) : undefined,
    lastUsedAt: credential.lastUsedAt ? toTimestamp(credential.lastUsedAt) : undefined,
    createdAt: toTimestamp(credential.createdAt),
    updatedAt: toTimestamp(credential.updatedAt),
  };
}

function nearestOf({ authType, category, scope }: Credential) {
  return {
    authType: authTypeMappings.mielto.nameOf(authType),
    credentialType: category !== null && credentialTypes.has(category) ? category : undefined,
    credentialScope: scope ?? 'workspace',
  };
}

function userIdOf({ metadata }: Credential): string | undefined {
  const userId = metadata?.['user_id'];
  return typeof userId === 'string' ? userId : undefined;
}

const credentialTypes: ReadonlySet<string> = new Set([
  'integration',
  'llm',
  'storage',
  'vector_store',
  'auth_provider',
  'custom',
]);
