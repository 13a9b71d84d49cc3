import { defineEntity, p } from '@mikro-orm/postgresql';
import { roles } from '../../vault/permissions.ts';
import { shortIdColumn, textArrayColumn } from './columns.ts';
import { WorkspaceEntity } from './workspace.ts';

/** A person who can log in, or on whose behalf API keys act. Grants access: carries a MAC. */
export const UserEntity = defineEntity({
  name: 'User',
  tableName: 'user',
  uniques: [
    { name: 'user_short_id_unique', properties: ['shortId'] },
    {
      name: 'user_login_name_unique',
      properties: ['name'],
      where: '(password_hash is not null or is_owner) and deactivated_at is null',
    },
  ],
  properties: {
    id: p.uuid().primary(),
    shortId: shortIdColumn(),
    name: p.text(),
    isOwner: p.boolean(),
    defaultWorkspaceId: () => p.manyToOne(WorkspaceEntity).mapToPk().fieldName('default_workspace_id').index(false),
    passwordHash: p.text().nullable(),
    // Fishnet's login has no user name: it authenticates the oldest of these users that has a password.
    logsInUnnamed: p.boolean().default(true),
    deactivatedAt: p.datetime(3).nullable(),
    createdAt: p.datetime(3),
    mac: p.blob(),
  },
});

/** What a user may do in a workspace. Grants access: carries a MAC. */
export const MembershipEntity = defineEntity({
  name: 'Membership',
  tableName: 'membership',
  indexes: [{ name: 'membership_workspace_index', properties: ['workspaceId', 'userId'] }],
  properties: {
    // The user comes first, since authentication looks memberships up by the user.
    userId: () =>
      p
        .manyToOne(UserEntity)
        .primary()
        .mapToPk()
        .fieldName('user_id')
        .deleteRule('no action')
        .updateRule('no action')
        .index(false),
    workspaceId: () =>
      p
        .manyToOne(WorkspaceEntity)
        .primary()
        .mapToPk()
        .fieldName('workspace_id')
        .deleteRule('no action')
        .updateRule('no action')
        .index(false),
    role: p.enum(roles).columnType('text'),
    mayReveal: p.boolean(),
    /** Of the event that records it; null in rows from before this column. */
    eventId: p.uuid().nullable(),
    mac: p.blob(),
  },
});

/** An API key, by the hash of its token or of the name in its certificate. Grants access: carries a MAC. */
export const ApiKeyEntity = defineEntity({
  name: 'ApiKey',
  tableName: 'api_key',
  uniques: [{ name: 'api_key_hash_unique', properties: ['hash'], where: 'revoked_at is null' }],
  indexes: [
    { name: 'api_key_list_index', properties: ['workspaceId', 'id'] },
    { name: 'api_key_hash_index', properties: ['hash'] },
  ],
  properties: {
    id: p.uuid().primary(),
    workspaceId: () => p.manyToOne(WorkspaceEntity).mapToPk().fieldName('workspace_id').index(false),
    userId: () => p.manyToOne(UserEntity).mapToPk().fieldName('user_id').index(false),
    name: p.text(),
    hash: p.blob(),
    prefix: p.text(),
    role: p.enum(roles).columnType('text').nullable(),
    mayReveal: p.boolean(),
    dialect: p.text().nullable(),
    // The credentials that the key is limited to; an empty list does not limit it.
    providers: textArrayColumn().defaultRaw(`'{}'`),
    tags: textArrayColumn().defaultRaw(`'{}'`),
    credentialIds: textArrayColumn().defaultRaw(`'{}'`),
    subjects: textArrayColumn().defaultRaw(`'{}'`),
    expiresAt: p.datetime(3).nullable(),
    revokedAt: p.datetime(3).nullable(),
    createdAt: p.datetime(3),
    // Grants nothing, and so is not covered by the MAC.
    lastUsedAt: p.datetime(3).nullable(),
    mac: p.blob(),
  },
});

/** A login session, by the hash of its token. Grants access: carries a MAC. */
export const SessionEntity = defineEntity({
  name: 'Session',
  tableName: 'session',
  uniques: [{ name: 'session_hash_unique', properties: ['hash'] }],
  indexes: [{ name: 'session_user_index', properties: ['userId', 'createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    userId: () => p.manyToOne(UserEntity).mapToPk().fieldName('user_id').index(false),
    hash: p.blob(),
    expiresAt: p.datetime(3),
    createdAt: p.datetime(3),
    mac: p.blob(),
  },
});
