import type { InferEntity } from '@mikro-orm/postgresql';
import type { ApiKey, Membership, Session, User } from '../../vault/identity/identity.ts';
import type { ApiKeyEntity, UserEntity } from '../entities/identity.ts';
import type { GrantGuard } from './grant-guard.ts';
import { apiKeyGrants, membershipGrants, sessionGrants, userGrants } from './grant-tables.ts';
import { insertInto, updateRow, type Fragment } from '../postgres/statements/statement.ts';

/** A row of `user` as it is read. */
export type UserRow = Omit<InferEntity<typeof UserEntity>, 'shortId'>;

/** What is read of a user. */
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

/** A row of `api_key` as it is read for deciding. */
export type ApiKeyRow = Omit<InferEntity<typeof ApiKeyEntity>, 'lastUsedAt'>;

/** A user's columns in a row of something else. */
export interface UserColumns {
  readonly userName: string;
  readonly userIsOwner: boolean;
  readonly userDefaultWorkspaceId: string;
  readonly userPasswordHash: string | null;
  readonly userLogsInUnnamed: boolean;
  readonly userDeactivatedAt: Date | null;
  readonly userCreatedAt: Date;
  readonly userMac: Uint8Array;
}

/** The columns of a user in `u`, as `UserColumns`. */
export const userColumns = [
  'u.name as "userName"',
  'u.is_owner as "userIsOwner"',
  'u.default_workspace_id as "userDefaultWorkspaceId"',
  'u.password_hash as "userPasswordHash"',
  'u.logs_in_unnamed as "userLogsInUnnamed"',
  'u.deactivated_at as "userDeactivatedAt"',
  'u.created_at as "userCreatedAt"',
  'u.mac as "userMac"',
].join(', ');

/** The user of a row with the columns of one, with the MAC. */
export function userOfColumns(id: string, row: UserColumns): UserRow {
  return {
    id,
    name: row.userName,
    isOwner: row.userIsOwner,
    defaultWorkspaceId: row.userDefaultWorkspaceId,
    passwordHash: row.userPasswordHash,
    logsInUnnamed: row.userLogsInUnnamed,
    deactivatedAt: row.userDeactivatedAt,
    createdAt: row.userCreatedAt,
    mac: row.userMac,
  };
}

/** What is read of an API key. */
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
  'expiresAt',
  'revokedAt',
  'createdAt',
  'mac',
] as const satisfies readonly (keyof ApiKeyRow)[];

/** The user that a row tells of. */
export function userOf(row: Omit<UserRow, 'logsInUnnamed' | 'mac'>): User {
  const { id, name, isOwner, defaultWorkspaceId, createdAt } = row;
  const { passwordHash = null, deactivatedAt = null } = row;
  return { id, name, isOwner, defaultWorkspaceId, passwordHash, deactivatedAt, createdAt };
}

/** The API key that a row tells of. */
export function apiKeyOf(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    workspaceId: row.workspaceId,
    userId: row.userId,
    name: row.name,
    hash: row.hash,
    prefix: row.prefix,
    role: row.role ?? null,
    mayReveal: row.mayReveal,
    dialect: row.dialect ?? null,
    providers: row.providers,
    tags: row.tags,
    credentialIds: row.credentialIds,
    expiresAt: row.expiresAt ?? null,
    revokedAt: row.revokedAt ?? null,
    createdAt: row.createdAt,
  };
}

/** Adds a user, with his MAC. */
export function insertUser(guard: GrantGuard, user: User): Fragment {
  const { id, name, isOwner, defaultWorkspaceId, passwordHash, deactivatedAt, createdAt } = user;
  const row = { id, name, isOwner, defaultWorkspaceId, passwordHash, deactivatedAt, createdAt, logsInUnnamed: true };
  return insertInto('user', guard.sign(userGrants, row));
}

/** Adds a user, with his MAC, unless he is there already. */
export function insertAbsentUser(guard: GrantGuard, user: User): Fragment {
  const { name, values, text } = insertUser(guard, user);
  return { name: `${name}?`, values, text: (first) => `${text(first)} on conflict (id) do nothing` };
}

/** Adds a user who logs in by name, with the row's MAC, and answers the id; answers nothing where the name is taken. */
export function insertNamedUser(guard: GrantGuard, user: User): Fragment {
  const { id, name, isOwner, defaultWorkspaceId, passwordHash, deactivatedAt, createdAt } = user;
  const row = { id, name, isOwner, defaultWorkspaceId, passwordHash, deactivatedAt, createdAt, logsInUnnamed: false };
  const { values, text } = insertInto('user', guard.sign(userGrants, row));
  const arbiter = '(name) where (password_hash is not null or is_owner) and deactivated_at is null';
  const ending = `on conflict ${arbiter} do nothing returning id`;
  return { name: '+user named', values, text: (first) => `${text(first)} ${ending}` };
}

/**
 * Sets a user's password, with the MAC over the whole row.
 *
 * @param user as the row is to be, of which all else is genuine
 */
export function updatePassword(guard: GrantGuard, user: UserRow): Fragment {
  const { passwordHash, mac } = guard.sign(userGrants, user);
  return updateRow('user', { id: user.id }, { passwordHash, mac });
}

/** Deactivates a user, as `updatePassword`. */
export function updateDeactivation(guard: GrantGuard, user: UserRow): Fragment {
  const { deactivatedAt, mac } = guard.sign(userGrants, user);
  return { ...updateRow('user', { id: user.id }, { deactivatedAt, mac }), name: '~user deactivated' };
}

/**
 * Adds a membership, with its MAC.
 *
 * @param eventId of the event that tells of it, of which there is one for each membership that is granted
 */
export function insertMembership(guard: GrantGuard, membership: Membership, eventId: string): Fragment {
  const { userId, workspaceId, role, mayReveal } = membership;
  return insertInto('membership', guard.sign(membershipGrants, { userId, workspaceId, role, mayReveal, eventId }));
}

/** Adds an API key, with its MAC. */
export function insertApiKey(guard: GrantGuard, apiKey: ApiKey): Fragment {
  const { id, workspaceId, userId, name, hash, prefix, role, mayReveal, dialect } = apiKey;
  const { expiresAt, revokedAt, createdAt } = apiKey;
  const { providers, tags, credentialIds } = apiKey;
  const keyScope = { providers, tags, credentialIds };
  const lifetime = { expiresAt, revokedAt, createdAt };
  const row = { id, workspaceId, userId, name, hash, prefix, role, mayReveal, dialect, ...keyScope, ...lifetime };
  return insertInto('api_key', guard.sign(apiKeyGrants, row));
}

/** Revokes an API key, with the MAC over its whole row. */
export function updateRevocation(guard: GrantGuard, apiKey: ApiKey): Fragment {
  const { revokedAt, mac } = guard.sign(apiKeyGrants, apiKey);
  return updateRow('api_key', { id: apiKey.id }, { revokedAt, mac });
}

/** Adds a session, with its MAC. */
export function insertSession(guard: GrantGuard, session: Session): Fragment {
  const { id, userId, hash, expiresAt, createdAt } = session;
  return insertInto('session', guard.sign(sessionGrants, { id, userId, hash, expiresAt, createdAt }));
}
