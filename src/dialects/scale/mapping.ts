import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CreateCredentialRequest,
  CredentialSchema,
  ListCredentialsRequest,
  UpdateCredentialRequest,
} from '../../../gen/scale/v5/credential_service_pb.ts';
import type { CredentialChange } from '../../vault/credentials/credential-change.ts';
import type { CredentialPage } from '../../vault/credentials/credential-reader.ts';
import { draftDefaults } from '../../vault/credentials/credential-rules.ts';
import type { Credential, CredentialDraft } from '../../vault/credentials/credential.ts';
import type { CredentialFilter, CredentialSort } from '../../vault/credentials/ports.ts';
import { authTypeMappings } from '../shared/auth-type-mapping.ts';
import { toStruct, toTimestamp } from '../shared/well-known-types.ts';

/** The name of the dialect, and the `origin` of the credentials that it creates. */
export const dialectName = 'scale';

/** Reads the metadata of a create. Names are unique, since Scale's clients look credentials up by name. */
export function draftFromRequest(request: CreateCredentialRequest): CredentialDraft {
  return {
    ...draftDefaults,
    name: request.name ?? '',
    nameIsExclusive: true,
    description: request.description ?? null,
    provider: 'custom',
    authType: request.type ?? '',
    metadata: request.credentialMetadata ?? null,
  };
}

/**
 * Reads the changes of an update. A member that is absent stays, and so does a type that equals what is shown: for a
 * credential of another dialect, what is shown is only the nearer of Scale's two types.
 */
export function changeFromRequest(request: UpdateCredentialRequest, current: Credential): CredentialChange {
  const { type, name, description, credentialMetadata } = request;
  return {
    ...(type !== undefined && type !== typeOf(current) && { authType: type }),
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(credentialMetadata && { metadata: credentialMetadata }),
  };
}

const limitDefault = 100;

const sorts: ReadonlyMap<string, CredentialSort> = new Map([
  ['created_at', 'createdAt'],
  ['updated_at', 'updatedAt'],
  ['name', 'name'],
]);

/** Reads the filter of a list. */
export function filterFromRequest({ name }: ListCredentialsRequest): CredentialFilter {
  return name === undefined ? {} : { name };
}

/** Reads the page of a list, with its order. */
export function pageFromRequest(request: ListCredentialsRequest): CredentialPage {
  const { limit = limitDefault, sortBy, sortOrder, startingAfter, endingBefore } = request;
  return {
    ...filterFromRequest(request),
    size: limit,
    sortBy: sorts.get(sortBy ?? '') ?? 'createdAt',
    order: sortOrder === 'desc' ? 'descending' : 'ascending',
    ...(startingAfter !== undefined && { after: startingAfter }),
    ...(endingBefore !== undefined && { before: endingBefore }),
  };
}

/** Converts the metadata; for a credential of another dialect, `type` is the nearer of Scale's two. */
export function credentialToMessage(credential: Credential): MessageInitShape<typeof CredentialSchema> {
  return {
    id: credential.id,
    object: 'credential',
    createdByUserId: credential.createdBy,
    createdByIdentityType: 'user',
    type: typeOf(credential),
    name: credential.name,
    description: credential.description ?? undefined,
    credentialMetadata: credential.metadata ? toStruct(credential.metadata) : undefined,
    createdAt: toTimestamp(credential.createdAt),
    updatedAt: toTimestamp(credential.updatedAt),
  };
}

function typeOf({ origin, authType }: Credential): string {
  return origin === dialectName ? authType : authTypeMappings.scale.nameOf(authType);
}
