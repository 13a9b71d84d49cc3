import { defineEntity, p } from '@mikro-orm/postgresql';
import { shortIdColumn, tenantRows } from './columns.ts';

/** A tenant, whose name carries a MAC. Global: it is looked up before a caller's workspace is known. */
export const WorkspaceEntity = defineEntity({
  name: 'Workspace',
  tableName: 'workspace',
  uniques: [{ name: 'workspace_short_id_unique', properties: ['shortId'] }],
  indexes: [
    {
      name: 'workspace_unpurged_index',
      properties: ['deletedAt'],
      where: 'deleted_at is not null and purged_at is null',
    },
  ],
  properties: {
    id: p.uuid().primary(),
    shortId: shortIdColumn(),
    name: p.text(),
    // No foreign key: the first workspace and the first user refer to each other.
    createdBy: p.uuid(),
    createdAt: p.datetime(3),
    // From then on it is absent and its keys are destroyed; it is purged once all its credentials are deleted.
    deletedAt: p.datetime(3).nullable(),
    purgedAt: p.datetime(3).nullable(),
    // Null only in rows from before there were MACs, until the next start.
    mac: p.blob().nullable(),
  },
});

/** The instance's own keys, wrapped: one row. */
export const KeyringEntity = defineEntity({
  name: 'Keyring',
  tableName: 'keyring',
  checks: [{ name: 'keyring_single_row_check', expression: 'id = 1' }],
  properties: {
    id: p.smallint().primary().autoincrement(false),
    instanceId: p.uuid(),
    derivation: p.enum(['argon2id', 'key']).columnType('text'),
    salt: p.blob(),
    masterFingerprint: p.text().unique('keyring_master_fingerprint_unique'),
    canary: p.blob(),
    wrappedKeys: p.blob(),
    createdAt: p.datetime(3),
    wrappedMaster: p.text().nullable(),
  },
});

/** A wrapped workspace key. Carries a MAC, since an attacker who could plant a key would read what it seals. */
export const WorkspaceKeyEntity = defineEntity({
  name: 'WorkspaceKey',
  tableName: 'workspace_key',
  ...tenantRows('workspace_key'),
  properties: {
    workspaceId: () => p.manyToOne(WorkspaceEntity).primary().mapToPk().fieldName('workspace_id').index(false),
    keyId: p.blob().primary(),
    wrapped: p.blob(),
    // At the commit, the database refuses a key that another master key has wrapped than the keyring's.
    masterFingerprint: () =>
      p
        .manyToOne(KeyringEntity)
        .targetKey('masterFingerprint')
        .mapToPk()
        .$type<string>()
        .fieldName('master_fingerprint')
        .foreignKeyName('workspace_key_master_foreign')
        .deferMode('deferred')
        .updateRule('no action')
        .index(false),
    createdAt: p.datetime(3),
    mac: p.blob(),
  },
});
