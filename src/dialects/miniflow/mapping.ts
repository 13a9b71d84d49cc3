import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ListValue } from '@bufbuild/protobuf/wkt';
import type {
  CreateApiKeyCredentialRequest,
  CreateSlackCredentialRequest,
  CredentialDetailSchema,
  CredentialSchema,
  CredentialSummarySchema,
  UpdateCredentialRequest,
} from '../../../gen/miniflow/v1/credential_service_pb.ts';
import { draftDefaults, type CredentialDraft } from '../../vault/credentials/credential-rules.ts';
import type { CredentialChange } from '../../vault/credentials/credential-change.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import { invalidArgument } from '../../vault/errors.ts';
import { spellShortId } from '../../vault/ids.ts';
import { findField } from '../shared/provider-catalogue.ts';
import { Secret } from '../../vault/secret.ts';
import { toStruct, toTimestamp } from '../shared/well-known-types.ts';
import { authTypeMappings } from '../shared/auth-type-mapping.ts';
import { invalidInput } from './errors.ts';
import { parseExpiry } from './parse-expiry.ts';

/** A credential to be stored. Its parts are checked in the order that MiniFlow checks them in. */
export interface Creation {
  readonly draft: CredentialDraft;
  readonly secret: Secret;
}

/** @throws VaultError `invalid_argument` */
export function apiKeyCreationOf(request: CreateApiKeyCredentialRequest): Creation {
  const name = requireText('name', 'Credential name', request.name ?? '');
  const apiKey = requireText('api_key', 'API key', request.apiKey ?? '');
  const provider = requireText('provider', 'Provider', request.provider ?? '').toUpperCase();
  return {
    draft: { ...commonDraftOf(request), name, provider, authType: 'api_key' },
    secret: new Secret({ api_key: apiKey }),
  };
}

/** @throws VaultError `invalid_argument` */
export function slackCreationOf(request: CreateSlackCredentialRequest): Creation {
  const name = requireText('name', 'Credential name', request.name ?? '');
  const botToken = requireText('bot_token', 'Bot token', request.botToken ?? '');
  const prefix = findField('slack', 'bot_token')?.prefix ?? '';
  if (!botToken.startsWith(prefix)) {
    throw invalidInput('bot_token', `Invalid bot token format. Should start with '${prefix}'`);
  }
  const { signingSecret, appToken } = request;
  const secret = new Secret({
    bot_token: botToken,
    ...(signingSecret !== undefined && {
      signing_secret: requireText('signing_secret', 'Signing secret', signingSecret),
    }),
    ...(appToken !== undefined && { app_token: requireText('app_token', 'App token', appToken) }),
  });
  return { draft: { ...commonDraftOf(request), name, provider: 'SLACK', authType: 'slack' }, secret };
}

/**
 * What an update changes; a member that is absent stays.
 *
 * @throws VaultError `invalid_argument`
 */
export function changeOf({ name, description, tags }: UpdateCredentialRequest): CredentialChange {
  return {
    ...(name !== undefined && { name: requireText('name', 'Credential name', name) }),
    ...(description !== undefined && { description }),
    ...(tags !== undefined && { tags: tags.values.map(tagOf) }),
  };
}

/** Shows a credential of any dialect. */
export function credentialOf(credential: Credential): MessageInitShape<typeof CredentialSchema> {
  return wholeOf(credential);
}

/** Shows a credential of any dialect, with its secret where that was revealed. */
export function detailOf(credential: Credential, secret?: Secret): MessageInitShape<typeof CredentialDetailSchema> {
  return { ...wholeOf(credential), credentialData: secret ? toStruct(secret.expose()) : undefined };
}

/** Shows a credential of any dialect in a list. */
export function summaryOf(credential: Credential): MessageInitShape<typeof CredentialSummarySchema> {
  return partOf(credential);
}

function wholeOf(credential: Credential) {
  return {
    ...partOf(credential),
    workspaceId: spellShortId('workspace', credential.workspaceId),
    ownerId: spellShortId('user', credential.createdBy),
    createdAt: toTimestamp(credential.createdAt),
  };
}

function partOf(credential: Credential) {
  return {
    id: spellShortId('credential', credential.id),
    name: credential.name,
    credentialType: authTypeMappings.miniflow.nameOf(credential.authType),
    credentialProvider: credential.provider.toUpperCase(),
    description: credential.description ?? undefined,
    isActive: credential.isActive,
    expiresAt: credential.expiresAt ? toTimestamp(credential.expiresAt) : undefined,
    lastUsedAt: credential.lastUsedAt ? toTimestamp(credential.lastUsedAt) : undefined,
    tags: [...credential.tags],
  };
}

function commonDraftOf(request: CreateApiKeyCredentialRequest | CreateSlackCredentialRequest) {
  return {
    ...draftDefaults,
    nameIsExclusive: true,
    description: request.description ?? null,
    tags: request.tags,
    expiresAt: parseExpiry(request.expiresAt),
  };
}

function requireText(field: string, label: string, text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') throw invalidInput(field, `${label} cannot be empty`);
  return trimmed;
}

function tagOf({ kind }: ListValue['values'][number]): string {
  if (kind.case !== 'stringValue') throw invalidArgument('tags', 'must be a list of strings');
  return kind.value;
}
