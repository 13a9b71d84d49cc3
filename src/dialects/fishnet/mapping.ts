import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CreateCredentialRequest, CredentialSchema } from '../../../gen/fishnet/v1/credential_service_pb.ts';
import { draftDefaults } from '../../vault/credentials/credential-rules.ts';
import type { Credential, CredentialDraft } from '../../vault/credentials/credential.ts';
import { invalidArgument, VaultError } from '../../vault/errors.ts';
import { Secret } from '../../vault/secret.ts';

/** Fishnet's message where any required value is missing or blank. */
export const valuesRequired = 'service, name, and key are required';

/** What a create stores. */
export interface FishnetDraft {
  readonly draft: CredentialDraft;
  readonly secret: Secret;
}

/**
 * Reads a create, with white space around its values removed.
 *
 * @throws VaultError `invalid_argument` where a value is blank, or where `key` and `api_key` differ
 */
export function draftFromRequest(request: CreateCredentialRequest): FishnetDraft {
  const draft = {
    ...draftDefaults,
    name: trimmed(request.name),
    provider: trimmed(request.service),
    authType: 'api_key',
  };
  return { draft, secret: new Secret({ key: keyOf(request) }) };
}

/** Converts the metadata. */
export function credentialToMessage(credential: Credential): MessageInitShape<typeof CredentialSchema> {
  const { lastUsedAt } = credential;
  return {
    id: credential.id,
    service: credential.provider,
    name: credential.name,
    createdAt: unixSeconds(credential.createdAt),
    ...(lastUsedAt && { lastUsedAt: unixSeconds(lastUsedAt) }),
  };
}

function keyOf(request: CreateCredentialRequest): string {
  const [key, apiKey] = [request.key.trim(), request.apiKey.trim()];
  if (key !== '' && apiKey !== '' && key !== apiKey) throw invalidArgument('key', 'and api_key differ');
  return trimmed(key === '' ? apiKey : key);
}

function trimmed(text: string): string {
  const value = text.trim();
  if (value === '') throw new VaultError('invalid_argument', valuesRequired);
  return value;
}

function unixSeconds(time: Date): bigint {
  return BigInt(Math.floor(time.getTime() / 1_000));
}
