import type { InferEntity } from '@mikro-orm/postgresql';
import type { ApiKey, Membership, Session, User } from '../../vault/identity/identity.ts';
import { UserEntity, type ApiKeyEntity, type MembershipEntity } from '../entities/identity.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import type { GrantGuard } from './grant-guard.ts';
import { apiKeyGrants, membershipGrants, sessionGrants, userGrants } from './grant-tables.ts';

/** A row of `user` as it is read. */
export type UserRow = Omit<InferEntity<typeof UserEntity>, 'shortId'>;

/** A row of `membership` as it is read. */
export type MembershipRow = InferEntity<typeof MembershipEntity>;

/** A row of `api_key` as it is read for deciding. */
export type ApiKeyRow = Omit<InferEntity<typeof ApiKeyEntity>, 'lastUsedAt'>;

/** The properties of a user that are read. */
export const userProperties = [
  'id',
  'name',
  'isOwner',
  'defaultWorkspaceId',
  'passwordHash',
  'logsInUnnamed',
  'deactivatedAt',
  'createdAt',
  'mac',
] as const satisfies readonly (keyof UserRow)[];

/** The properties of a membership that are read. */
export const membershipProperties = [
  'userId',
  'workspaceId',
  'role',
  'mayReveal',
  'eventId',
  'mac',
] as const satisfies readonly (keyof MembershipRow)[];

/** The properties of an API key that are read. */
export const apiKeyProperties = [
  'id',
  'workspaceId',
  'userId',
  'name',
  'hash',
  'prefix',
  'role',
  'mayReveal',
  'dialect',
  'providers',
  'tags',
  'credentialIds',
  'subjects',
  'expiresAt',
  'revokedAt',
  'createdAt',
  'mac',
] as const satisfies readonly (keyof ApiKeyRow)[];

/** The user in a row. */
export function userOf(row: Omit<UserRow, 'logsInUnnamed' | 'mac'>): User {
  const { id, name, isOwner, defaultWorkspaceId, createdAt } = row;
  const { passwordHash = null, deactivatedAt = null } = row;
  return { id, name, isOwner, defaultWorkspaceId, passwordHash, deactivatedAt, createdAt };
}

/** The membership in a row. */
export function membershipOf({ workspaceId, userId, role, mayReveal }: Membership): Membership {
  return { workspaceId, userId, role, mayReveal };
}

/** The API key in a row. */
export function apiKeyOf(row: Omit<ApiKeyRow, 'mac'>): ApiKey {
  const { id, workspaceId, userId, name, hash, prefix, role = null, mayReveal, dialect = null } = row;
  const { providers, tags, credentialIds, subjects, expiresAt = null, revokedAt = null, createdAt } = row;
  const scope = { providers, tags, credentialIds, subjects };
  const lifetime = { expiresAt, revokedAt, createdAt };
  return { id, workspaceId, userId, name, hash, prefix, role, mayReveal, dialect, ...scope, ...lifetime };
}

/**
 * The row of a new user, with its MAC.
 *
 * @param logsInUnnamed whether a login without a user name may authenticate the user
 */
export function newUserRow(guard: GrantGuard, user: User, { logsInUnnamed }: { readonly logsInUnnamed: boolean }) {
  return guard.sign(userGrants, { ...userOf(user), logsInUnnamed });
}

/**
 * The row of a new membership, with its MAC.
 *
 * @param eventId of the event that records it, of which there is one for each membership that is granted
 */
export function newMembershipRow(guard: GrantGuard, membership: Membership, eventId: string) {
  return guard.sign(membershipGrants, { ...membershipOf(membership), eventId });
}

/** The row of a new API key, with its MAC. */
export function newApiKeyRow(guard: GrantGuard, apiKey: ApiKey) {
  return guard.sign(apiKeyGrants, apiKeyOf(apiKey));
}

/** The row of a new session, with its MAC. */
export function newSessionRow(guard: GrantGuard, { id, userId, hash, expiresAt, createdAt }: Session) {
  return guard.sign(sessionGrants, { id, userId, hash, expiresAt, createdAt });
}

/** Finds a user, whose row, keys and sessions others cannot change until the transaction ends. */
export async function lockUser(transaction: Transaction, id: string): Promise<UserRow | undefined> {
  const [row] = await transaction.find(UserEntity, { where: { id }, lock: 'no key update' });
  return row;
}

/**
 * Changes a user, and signs the whole row anew.
 *
 * @param row must be genuine: a new MAC would make a row valid that was tampered with
 */
export async function updateUser(
  guard: GrantGuard,
  transaction: Transaction,
  row: UserRow,
  changes: Partial<Pick<UserRow, 'passwordHash' | 'deactivatedAt' | 'defaultWorkspaceId'>>,
): Promise<void> {
  const { mac } = guard.sign(userGrants, { ...row, ...changes });
  await transaction.update(UserEntity, { id: row.id }, { ...changes, mac });
}
