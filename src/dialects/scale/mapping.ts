import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CreateCredentialRequest,
  CredentialSchema,
  UpdateCredentialRequest,
} from '../../../gen/scale/v5/credential_service_pb.ts';
import { draftDefaults, type CredentialDraft } from '../../vault/credentials/credential-rules.ts';
import type { CredentialChange } from '../../vault/credentials/credential-change.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import { authTypeMappings } from '../shared/auth-type-mapping.ts';
import { toStruct, toTimestamp } from '../shared/well-known-types.ts';

/** The name of the dialect, and the origin of what it creates. */
export const scaleName = 'scale';

/** What the vault is to keep of a create. Credentials are looked up by name there, so that no two may share one. */
export function draftOf(request: CreateCredentialRequest): CredentialDraft {
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
 * What an update changes; a member that is absent stays. So does a type that is sent back as it is shown, since that of what
 * another dialect created is shown only nearly as it is.
 */
export function changeOf(request: UpdateCredentialRequest, current: Credential): CredentialChange {
  const { type, name, description, credentialMetadata } = request;
  return {
    ...(type !== undefined && type !== typeOf(current) && { authType: type }),
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(credentialMetadata && { metadata: credentialMetadata }),
  };
}

/** Shows a credential as it was sent; one that another dialect created as near as its two types allow. */
export function credentialOf(credential: Credential): MessageInitShape<typeof CredentialSchema> {
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
  return origin === scaleName ? authType : authTypeMappings.scale.nameOf(authType);
}
