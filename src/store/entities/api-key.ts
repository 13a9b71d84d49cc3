import { defineEntity, p } from '@mikro-orm/postgresql';
import { roles } from '../../vault/permissions.ts';
import { UserEntity } from './user.ts';
import { WorkspaceEntity } from './workspace.ts';

/** An API key, by the hash of its token or of the name in its certificate. Grants something: carries a MAC. */
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
    // Which credentials it is for; where empty, they do not limit them.
    providers: p.array().default([]),
    tags: p.array().default([]),
    credentialIds: p.array().default([]),
    expiresAt: p.datetime(3).nullable(),
    revokedAt: p.datetime(3).nullable(),
    createdAt: p.datetime(3),
    // Grants nothing, and so is not under the MAC.
    lastUsedAt: p.datetime(3).nullable(),
    mac: p.blob(),
  },
});
