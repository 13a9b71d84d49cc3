import { defineEntity, p } from '@mikro-orm/postgresql';
import { tenantRows } from './tenant-rows.ts';
import { WorkspaceEntity } from './workspace.ts';

/** A workspace key, wrapped. Carries a MAC: whoever could plant a key here would read what it seals. */
export const WorkspaceKeyEntity = defineEntity({
  name: 'WorkspaceKey',
  tableName: 'workspace_key',
  ...tenantRows('workspace_key'),
  properties: {
    workspaceId: () => p.manyToOne(WorkspaceEntity).primary().mapToPk().fieldName('workspace_id').index(false),
    keyId: p.blob().primary(),
    wrapped: p.blob(),
    masterFingerprint: p.text(),
    createdAt: p.datetime(3),
    mac: p.blob(),
  },
});
