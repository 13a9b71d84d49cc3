import { defineEntity, p } from '@mikro-orm/postgresql';
import { shortIdColumn } from './short-id-column.ts';

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
    // No foreign key: the first workspace and the first user name each other.
    createdBy: p.uuid(),
    createdAt: p.datetime(3),
    // From then on it is absent, and its keys are gone; its credentials follow, and are all gone when it is purged.
    deletedAt: p.datetime(3).nullable(),
    purgedAt: p.datetime(3).nullable(),
    // Null only in rows from before there were MACs, until the next start.
    mac: p.blob().nullable(),
  },
});
