import { isNarrowing } from '../../vault/narrowing.ts';
import type { ApiKey, Membership, Session, User, WrappedWorkspaceKey } from '../../vault/ports.ts';
import { flag, instant, type GrantTable } from './grant-guard.ts';

type Nullable<Row> = { readonly [Key in keyof Row]: null extends Row[Key] ? Row[Key] | undefined : Row[Key] };

/** As the ORM gives rows: what is null may be undefined. */
type Read<Row> = Nullable<Row>;

/** Who the user is, what he manages, where his calls go, and what password proves him. */
export const userGrants: GrantTable<Read<Omit<User, 'name' | 'createdAt'>>> = {
  name: 'user',
  fields: (user) => [
    user.id,
    flag(user.isOwner),
    user.defaultWorkspaceId,
    user.passwordHash ?? null,
    // Only where it is set, so that rows keep their MACs that were written before there was such a column.
    ...(user.deactivatedAt ? [instant(user.deactivatedAt)] : []),
  ],
  id: (user) => user.id,
};

/** What a user may do in a workspace. */
export const membershipGrants: GrantTable<Membership & { readonly eventId: string | null }> = {
  name: 'membership',
  fields: (membership) => [
    membership.userId,
    membership.workspaceId,
    membership.role,
    flag(membership.mayReveal),
    // Only where there is one, so that rows keep their MACs that were written before there was such a column.
    ...(membership.eventId === null ? [] : [membership.eventId]),
  ],
  id: ({ userId, workspaceId }) => `${userId}/${workspaceId}`,
};

/** What token proves the key, in whose name it acts, what it may do with which credentials, and until when. */
export const apiKeyGrants: GrantTable<Read<Omit<ApiKey, 'name' | 'prefix' | 'createdAt'>>> = {
  name: 'api_key',
  fields: (apiKey) => [
    apiKey.id,
    apiKey.workspaceId,
    apiKey.userId,
    apiKey.hash,
    apiKey.role ?? null,
    flag(apiKey.mayReveal),
    apiKey.dialect ?? null,
    instant(apiKey.expiresAt),
    instant(apiKey.revokedAt),
    // Only where there is something, so that rows keep their MACs that were written before there were such columns.
    ...(isNarrowing(apiKey) ? [JSON.stringify([apiKey.providers, apiKey.tags, apiKey.credentialIds])] : []),
  ],
  id: (apiKey) => apiKey.id,
};

/** What token proves the session, whose it is, and until when. */
export const sessionGrants: GrantTable<Omit<Session, 'createdAt'>> = {
  name: 'session',
  fields: (session) => [session.id, session.userId, session.hash, instant(session.expiresAt)],
  id: (session) => session.id,
};

/** Which key seals in a workspace; the newest is the current one, so that its time counts as well. */
export const workspaceKeyGrants: GrantTable<WrappedWorkspaceKey> = {
  name: 'workspace_key',
  fields: (key) => [key.workspaceId, key.keyId, key.wrapped, key.masterFingerprint, instant(key.createdAt)],
  id: (key) => `${key.workspaceId}/${Buffer.from(key.keyId).toString('hex')}`,
};
