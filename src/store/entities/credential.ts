import { defineEntity, p } from '@mikro-orm/postgresql';
import type { JsonObject } from '../../vault/json.ts';
import { shortIdColumn } from './short-id-column.ts';
import { tenantRows } from './tenant-rows.ts';
import { WorkspaceEntity } from './workspace.ts';

/** The metadata of a credential; its secrets are in `credential_version`. */
export const CredentialEntity = defineEntity({
  name: 'Credential',
  tableName: 'credential',
  ...tenantRows('credential'),
  uniques: [
    { name: 'credential_short_id_unique', properties: ['workspaceId', 'shortId'] },
    {
      name: 'credential_exclusive_name_unique',
      properties: ['workspaceId', 'exclusiveName'],
      where: 'exclusive_name is not null and deleted_at is null',
    },
  ],
  indexes: [
    { name: 'credential_list_index', properties: ['workspaceId', 'createdAt', 'id'] },
    { name: 'credential_name_index', properties: ['workspaceId', 'name', 'id'] },
  ],
  checks: [
    { name: 'credential_current_version_check', expression: 'current_version >= 1' },
    { name: 'credential_revision_check', expression: 'revision >= 1' },
  ],
  properties: {
    workspaceId: () => p.manyToOne(WorkspaceEntity).primary().mapToPk().fieldName('workspace_id').index(false),
    id: p.uuid().primary(),
    shortId: shortIdColumn(),
    name: p.text(),
    // The name once more, where it may not be taken twice.
    exclusiveName: p.text().nullable(),
    description: p.text().nullable(),
    provider: p.text(),
    authType: p.text(),
    category: p.text().nullable(),
    scope: p.text().nullable(),
    tags: p.array(),
    labels: p.json<Readonly<Record<string, string>>>(),
    // `json` keeps the order and spelling that the caller gave; nothing is searched in it.
    metadata: p.json<JsonObject>().columnType('json').nullable(),
    isActive: p.boolean(),
    expiresAt: p.datetime(3).nullable(),
    lastUsedAt: p.datetime(3).nullable(),
    useCount: p.bigint('number'),
    currentVersion: p.integer(),
    revision: p.integer(),
    origin: p.text(),
    createdBy: p.uuid(),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
    deletedAt: p.datetime(3).nullable(),
    // Null only in rows from before there were MACs, until the next start. Metadata are shown without it.
    mac: p.blob().nullable().lazy(),
  },
});
