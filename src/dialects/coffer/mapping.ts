import { isFieldSet, type MessageInitShape } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { WhoAmIResponseSchema } from '../../../gen/coffer/v1/access_service_pb.ts';
import type { ApiKeySchema } from '../../../gen/coffer/v1/api_key_pb.ts';
import {
  Credential_State,
  CredentialSchema,
  type Credential as CredentialMessage,
} from '../../../gen/coffer/v1/credential_pb.ts';
import type { ConsumerSchema } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { Grant_Role, type GrantSchema } from '../../../gen/coffer/v1/grant_pb.ts';
import type { MemberSchema } from '../../../gen/coffer/v1/member_pb.ts';
import type { UserSchema } from '../../../gen/coffer/v1/user_pb.ts';
import type { WorkspaceSchema } from '../../../gen/coffer/v1/workspace_pb.ts';
import type { Caller, Grant } from '../../vault/caller.ts';
import type { CredentialChange } from '../../vault/credentials/credential-change.ts';
import { draftDefaults } from '../../vault/credentials/credential-rules.ts';
import type { UsedCredential } from '../../vault/credentials/ports.ts';
import type { Consumer } from '../../vault/consumer.ts';
import { etagOf, stateOf, type Credential, type CredentialDraft } from '../../vault/credentials/credential.ts';
import { invalidArgument } from '../../vault/errors.ts';
import type { Member, UsedApiKey, User } from '../../vault/identity/identity.ts';
import { formatShortId } from '../../vault/ids.ts';
import { unscoped, type KeyScope } from '../../vault/key-scope.ts';
import { roles, type Role } from '../../vault/permissions.ts';
import type { Workspace } from '../../vault/workspaces/ports.ts';
import { fromTimestamp, toStruct, toTimestamp } from '../shared/well-known-types.ts';

/** The provider and the auth type of a create that leaves them out. */
const unspecified = 'custom';

/** The members that a caller may set, with what each reads of the message; an absent one reads as cleared. */
const settable: Readonly<Record<string, (message: CredentialMessage) => CredentialChange>> = {
  name: ({ name }) => ({ name: name ?? '' }),
  description: ({ description }) => ({ description: textOrNull(description) }),
  provider: ({ provider }) => ({ provider: provider ?? unspecified }),
  auth_type: ({ authType }) => ({ authType: authType ?? unspecified }),
  category: ({ category }) => ({ category: textOrNull(category) }),
  scope: ({ scope }) => ({ scope: textOrNull(scope) }),
  subject: ({ subject }) => ({ subject: textOrNull(subject) }),
  tags: ({ tags }) => ({ tags }),
  labels: ({ labels }) => ({ labels }),
  metadata: ({ metadata }) => ({ metadata: metadata ?? null }),
  expires_at: ({ expiresAt }) => ({ expiresAt: expiryOf(expiresAt) }),
};

/** Reads the metadata of a create. */
export function draftFromMessage(message: CredentialMessage): CredentialDraft {
  return {
    ...draftDefaults,
    name: '',
    provider: unspecified,
    authType: unspecified,
    ...read(message, Object.keys(settable)),
  };
}

/**
 * Reads the changes of an update: the members that the mask names, or where it is empty, those that were sent.
 *
 * @param paths of the mask, as proto field names
 * @throws VaultError `invalid_argument` for a path that cannot be changed
 * @see https://google.aip.dev/134
 */
export function changeFromMessage(message: CredentialMessage, paths: readonly string[]): CredentialChange {
  const names = Object.keys(settable);
  const sent = names.filter((name) => isSent(message, name));
  if (paths.length === 0) return read(message, sent);
  if (paths.includes('*')) return read(message, names);
  if (!paths.every((path) => names.includes(path))) {
    throw invalidArgument('update_mask', `must name members of ${names.join(', ')}, or *`);
  }
  return read(message, [...new Set(paths)]);
}

/** @throws VaultError `invalid_argument` for the zero value and for unknown numbers */
export function roleFromEnum(role: number): Role {
  const name = roles.find((known) => Grant_Role[known] === role);
  if (name === undefined) throw invalidArgument('role', 'is required');
  return name;
}

/** Converts the metadata, with the state at `now`. It builds the message without `create()`: lists hold many. */
export function credentialToMessage(credential: Credential, now: Date): CredentialMessage {
  const { expiresAt, lastUsedAt, deletedAt, purgeAt } = credential;
  return {
    $typeName: 'coffer.v1.Credential',
    id: credential.id,
    shortId: formatShortId('credential', credential.id),
    workspaceId: credential.workspaceId,
    name: credential.name,
    description: credential.description ?? '',
    provider: credential.provider,
    authType: credential.authType,
    category: credential.category ?? '',
    scope: credential.scope ?? '',
    subject: credential.subject ?? '',
    tags: [...credential.tags],
    labels: { ...credential.labels },
    metadata: credential.metadata ? toStruct(credential.metadata) : undefined,
    state: Credential_State[stateOf(credential, now)],
    expiresAt: expiresAt ? toTimestamp(expiresAt) : undefined,
    lastUsedAt: lastUsedAt ? toTimestamp(lastUsedAt) : undefined,
    useCount: BigInt(credential.useCount),
    currentVersion: credential.currentVersion,
    etag: etagOf(credential),
    origin: credential.origin,
    createdBy: credential.createdBy,
    createdAt: toTimestamp(credential.createdAt),
    updatedAt: toTimestamp(credential.updatedAt),
    deletedAt: deletedAt ? toTimestamp(deletedAt) : undefined,
    purgeAt: purgeAt ? toTimestamp(purgeAt) : undefined,
  };
}

/** Converts what a call with `validate_only` would have stored: without what only a stored credential has. */
export function previewToMessage(credential: Credential, now: Date): CredentialMessage {
  return { ...credentialToMessage(credential, now), id: '', shortId: '', etag: '' };
}

/** Converts a credential with those that used it last. */
export function usedCredentialToMessage({ credential, consumers }: UsedCredential, now: Date) {
  return { credential: credentialToMessage(credential, now), recentConsumers: consumers.map(consumerToMessage) };
}

function consumerToMessage({ kind, id, name, lastUsedAt }: Consumer): MessageInitShape<typeof ConsumerSchema> {
  const consumer = { case: kind === 'user' ? 'userId' : 'apiKeyId', value: id } as const;
  return { consumer, name, lastUsedAt: toTimestamp(lastUsedAt) };
}

/** Converts a workspace. */
export function workspaceToMessage(workspace: Workspace): MessageInitShape<typeof WorkspaceSchema> {
  const { id, name, createdBy, createdAt } = workspace;
  return { id, shortId: formatShortId('workspace', id), name, createdBy, createdAt: toTimestamp(createdAt) };
}

/** Converts a user, without the hash of the password. */
export function userToMessage(user: User): MessageInitShape<typeof UserSchema> {
  const { id, name, isOwner, defaultWorkspaceId, deactivatedAt, createdAt } = user;
  return {
    id,
    name,
    isOwner,
    defaultWorkspaceId,
    shortId: formatShortId('user', id),
    defaultWorkspaceShortId: formatShortId('workspace', defaultWorkspaceId),
    createdAt: toTimestamp(createdAt),
    ...(deactivatedAt && { deactivatedAt: toTimestamp(deactivatedAt) }),
  };
}

/** Converts a member of a workspace. */
export function memberToMessage(member: Member): MessageInitShape<typeof MemberSchema> {
  const { userId, name, role, mayReveal } = member;
  return { userId, shortId: formatShortId('user', userId), name, role: Grant_Role[role], withoutReveal: !mayReveal };
}

/** Converts an API key, without its token. */
export function apiKeyToMessage(apiKey: UsedApiKey): MessageInitShape<typeof ApiKeySchema> {
  const { id, workspaceId, name, prefix, role, dialect, expiresAt, revokedAt, lastUsedAt } = apiKey;
  return {
    id,
    workspaceId,
    name,
    prefix,
    // Only the first owner's key has no role; it is ADMIN wherever its user is.
    role: Grant_Role[role ?? 'ADMIN'],
    dialect: dialect ?? '',
    withoutReveal: !apiKey.mayReveal,
    ...keyScopeToMessage(apiKey),
    createdBy: apiKey.userId,
    createdAt: toTimestamp(apiKey.createdAt),
    ...(expiresAt && { expiresAt: toTimestamp(expiresAt) }),
    ...(revokedAt && { revokedAt: toTimestamp(revokedAt) }),
    ...(lastUsedAt && { lastUsedAt: toTimestamp(lastUsedAt) }),
  };
}

/** Converts a caller to the answer of WhoAmI. */
export function callerToMessage(caller: Caller): MessageInitShape<typeof WhoAmIResponseSchema> {
  const { kind, id, name, userId, isOwner, defaultWorkspaceId } = caller;
  return {
    kind,
    id,
    name,
    userId,
    isOwner,
    defaultWorkspaceId,
    userShortId: formatShortId('user', userId),
    defaultWorkspaceShortId: formatShortId('workspace', defaultWorkspaceId),
    grants: caller.grants.map(grantToMessage),
  };
}

/** @throws VaultError `invalid_argument` for a time outside of the years 1 to 9999 */
export function expiryOf(timestamp: Timestamp | undefined): Date | null {
  return timestamp === undefined ? null : fromTimestamp('expires_at', timestamp);
}

function keyScopeToMessage({ providers, tags, credentialIds, subjects }: KeyScope) {
  return {
    providers: [...providers],
    tags: [...tags],
    credentialIds: [...credentialIds],
    subjects: [...subjects],
  };
}

function grantToMessage({
  workspaceId,
  role,
  mayReveal,
  keyScope = unscoped,
}: Grant): MessageInitShape<typeof GrantSchema> {
  const shortId = formatShortId('workspace', workspaceId);
  const scoped = keyScopeToMessage(keyScope);
  return { workspaceId, shortId, role: Grant_Role[role], withoutReveal: !mayReveal, ...scoped };
}

function read(message: CredentialMessage, names: readonly string[]): CredentialChange {
  const change: CredentialChange = {};
  for (const name of names) Object.assign(change, settable[name]?.(message));
  return change;
}

function isSent(message: CredentialMessage, name: string): boolean {
  return CredentialSchema.fields.some((field) => field.name === name && isFieldSet(message, field));
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
