import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CreateCredentialRequest,
  CredentialReadSchema,
  ListCredentialsRequest,
  UpdateCredentialRequest,
} from '../../../gen/mielto/v1/credential_service_pb.ts';
import type { CredentialChange, SecretChange } from '../../vault/credentials/credential-change.ts';
import { draftDefaults } from '../../vault/credentials/credential-rules.ts';
import {
  stateOf,
  type Credential,
  type CredentialState,
  type CredentialDraft,
} from '../../vault/credentials/credential.ts';
import type { CredentialFilter } from '../../vault/credentials/ports.ts';
import { Secret } from '../../vault/secret.ts';
import { authTypeMappings } from '../shared/auth-type-mapping.ts';
import { isMask } from '../shared/masks.ts';
import { secretChangeOf } from '../shared/secret-fields.ts';
import { toTimestamp } from '../shared/well-known-types.ts';

/** The name of the dialect, and the `origin` of the credentials that it creates. */
export const dialectName = 'mielto';

const providerDefault = 'custom';
const limitDefault = 100;

const authTypes = authTypeMappings.mielto;

/** Reads the metadata of a create. */
export function draftFromRequest(request: CreateCredentialRequest): CredentialDraft {
  return {
    ...draftDefaults,
    name: request.label ?? '',
    description: request.description ?? null,
    // Mielto accepts an empty provider, the vault does not.
    provider: request.provider || providerDefault,
    authType: request.authType ?? '',
    category: request.credentialType ?? null,
    scope: request.credentialScope ?? '',
    metadata: request.userId === undefined ? null : { user_id: request.userId },
  };
}

/** Reads the secret of a create. */
export function secretFromRequest(request: CreateCredentialRequest): Secret {
  return new Secret(request.credentials ?? {});
}

/**
 * Reads the changes of an update. A member that is absent stays, and so does one that equals what is shown: for a credential of
 * another dialect, what is shown may be only the nearest value that Mielto has.
 */
export function changeFromRequest(request: UpdateCredentialRequest, current: Credential): CredentialChange {
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

/** Reads the change of the secret of an update; undefined where it has none. */
export function secretChangeFromRequest({ credentials }: UpdateCredentialRequest): SecretChange | undefined {
  return credentials && secretChangeOf({ dialect: dialectName, sent: credentials, isUnchanged: isMask }, 'replace');
}

const states: ReadonlyMap<string, Exclude<CredentialState, 'DELETED'>> = new Map([
  ['active', 'ACTIVE'],
  ['inactive', 'INACTIVE'],
  ['expired', 'EXPIRED'],
]);

/** Reads the filter of a list. */
export function filterFromRequest(request: ListCredentialsRequest): CredentialFilter {
  const { credentialType, authType, status, search } = request;
  const state = states.get(status ?? '');
  return {
    ...(credentialType !== undefined && { categories: [credentialType] }),
    ...(authType !== undefined && authTypes.filterOf(authType)),
    ...(state && { states: [state] }),
    ...(search && { search }),
  };
}

/** Reads the range of a list, with the number of its page, which begins with 1. */
export function rangeFromRequest({ skip = 0, limit = limitDefault }: ListCredentialsRequest) {
  return { skip, limit, page: Math.floor(skip / limit) + 1 };
}

/** Converts a credential; for one of another dialect, enums show the nearest value that Mielto has. */
export function credentialToMessage(credential: Credential, now: Date): MessageInitShape<typeof CredentialReadSchema> {
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
    authType: authTypes.nameOf(authType),
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
