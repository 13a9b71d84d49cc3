import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CreateCredentialRequest, CredentialSchema } from '../../../gen/flowise/v1/credential_service_pb.ts';
import { draftDefaults, type CredentialDraft } from '../../vault/credential-rules.ts';
import type { SealedCredential } from '../../vault/credential-vault.ts';
import { invalidArgument } from '../../vault/errors.ts';
import { sameJson, type JsonObject } from '../../vault/json.ts';
import { Secret } from '../../vault/secret.ts';

/** What a request asks to be stored. */
export interface FlowiseDraft {
  readonly draft: CredentialDraft;
  readonly secret: Secret;
}

/**
 * Reads what is to be stored.
 *
 * @throws VaultError `invalid_argument` for `credentialData`, where there are no data or two different ones
 */
export function draftFromRequest(request: CreateCredentialRequest): FlowiseDraft {
  const data = dataOf(request);
  // Flowise does not say what kind of proof the data are; a single value is nearly always a key.
  const authType = Object.keys(data).length === 1 ? 'api_key' : 'custom';
  const draft = { ...draftDefaults, name: request.name, provider: request.credentialName, authType };
  return { draft, secret: new Secret(data) };
}

/** Shows a credential as Flowise's database entity, with its sealed bytes. */
export function sealedToEntity({ credential, version }: SealedCredential): MessageInitShape<typeof CredentialSchema> {
  return {
    name: credential.name,
    credentialName: credential.provider,
    encryptedData: version.sealed,
    workspaceId: credential.workspaceId,
    id: credential.id,
    createdDate: timestampFromDate(credential.createdAt),
    updatedDate: timestampFromDate(credential.updatedAt),
  };
}

function dataOf({ credentialData, plainDataObj }: CreateCredentialRequest): JsonObject {
  if (credentialData && plainDataObj && !sameJson(credentialData, plainDataObj)) {
    throw invalidArgument('credentialData', 'and plainDataObj differ!');
  }
  const data = credentialData ?? plainDataObj;
  if (!data || Object.keys(data).length === 0) throw invalidArgument('credentialData', 'not provided!');
  return data;
}
