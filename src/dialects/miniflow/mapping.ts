import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ListValue } from '@bufbuild/protobuf/wkt';
import type {
  CreateApiKeyCredentialRequest,
  CreateSlackCredentialRequest,
  CredentialDetailSchema,
  UpdateCredentialRequest,
} from '../../../gen/miniflow/v1/credential_service_pb.ts';
import type { CredentialChange } from '../../vault/credentials/credential-change.ts';
import { draftDefaults } from '../../vault/credentials/credential-rules.ts';
import type { Credential, CredentialDraft } from '../../vault/credentials/credential.ts';
import { invalidArgument, VaultError } from '../../vault/errors.ts';
import { formatShortId } from '../../vault/ids.ts';
import { Secret } from '../../vault/secret.ts';
import { parseTime } from '../../vault/time.ts';
import { authTypeMappings } from '../shared/auth-type-mapping.ts';
import { findField } from '../shared/provider-catalogue.ts';
import { toStruct, toTimestamp } from '../shared/well-known-types.ts';

/** What a create stores. */
export interface MiniflowDraft {
  readonly draft: CredentialDraft;
  readonly secret: Secret;
}

/**
 * Reads a create; the order of its checks is MiniFlow's.
 *
 * @throws VaultError `invalid_argument`
 */
export function draftFromApiKeyRequest(request: CreateApiKeyCredentialRequest): MiniflowDraft {
  const name = requireText('name', 'Credential name', request.name ?? '');
  const apiKey = requireText('api_key', 'API key', request.apiKey ?? '');
  const provider = requireText('provider', 'Provider', request.provider ?? '').toUpperCase();
  return {
    draft: { ...commonDraftOf(request), name, provider, authType: 'api_key' },
    secret: new Secret({ api_key: apiKey }),
  };
}

/** As `draftFromApiKeyRequest`, for the tokens of a Slack app. */
export function draftFromSlackRequest(request: CreateSlackCredentialRequest): MiniflowDraft {
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
 * Reads the changes of an update; a member that is absent stays.
 *
 * @throws VaultError `invalid_argument`
 */
export function changeFromRequest({ name, description, tags }: UpdateCredentialRequest): CredentialChange {
  return {
    ...(name !== undefined && { name: requireText('name', 'Credential name', name) }),
    ...(description !== undefined && { description }),
    ...(tags !== undefined && { tags: tags.values.map(tagOf) }),
  };
}

/** Converts a credential of any dialect, with its secret where that was revealed. */
export function detailToMessage(
  credential: Credential,
  secret?: Secret,
): MessageInitShape<typeof CredentialDetailSchema> {
  return { ...credentialToMessage(credential), credentialData: secret ? toStruct(secret.expose()) : undefined };
}

/** Converts the metadata of a credential of any dialect. */
export function credentialToMessage(credential: Credential) {
  return {
    ...summaryToMessage(credential),
    workspaceId: formatShortId('workspace', credential.workspaceId),
    ownerId: formatShortId('user', credential.createdBy),
    createdAt: toTimestamp(credential.createdAt),
  };
}

/** Converts a credential of any dialect to an element of a list. */
export function summaryToMessage(credential: Credential) {
  return {
    id: formatShortId('credential', credential.id),
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

/** @see https://docs.python.org/3/library/datetime.html#datetime.datetime.fromisoformat */
const isoPattern =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2}))?)?$/;

/**
 * Parses an ISO 8601 date or time as MiniFlow's clients send it: seconds are optional, a time without an offset is UTC, and a
 * date without a time is midnight. Digits beyond milliseconds are dropped. An empty text means no expiry.
 *
 * @throws VaultError `invalid_argument`
 */
export function parseExpiry(text: string | undefined): Date | null {
  if (text === undefined || text === '') return null;
  const [, date = '', minutes = '00:00', seconds = '00', fraction = '0', sign = '+', hours = '00', rest = '00'] =
    isoPattern.exec(text) ?? [];
  const time = parseTime(`${date}T${minutes}:${seconds}.${fraction}${sign}${hours}:${rest}`);
  if (!time) throw invalidArgument('expires_at', 'must be an ISO 8601 time of the years 1 to 9999');
  return time;
}

/** A text that satisfies the schema and not MiniFlow's own check, whose message is `message`. */
export function invalidInput(field: string, message: string): VaultError {
  return new VaultError('invalid_argument', message, { field, reason: 'INVALID_INPUT' });
}
