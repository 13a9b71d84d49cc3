import { defineEntity, p } from '@mikro-orm/postgresql';
import { shortIdColumn } from './short-id-column.ts';
import { WorkspaceEntity } from './workspace.ts';

/** A person who may log in, or in whose name API keys act. Grants something: carries a MAC. */
export const UserEntity = defineEntity({
  name: 'User',
  tableName: 'user',
  uniques: [{ name: 'user_short_id_unique', properties: ['shortId'] }],
  properties: {
    id: p.uuid().primary(),
    shortId: shortIdColumn(),
    name: p.text(),
    isOwner: p.boolean(),
    defaultWorkspaceId: () => p.manyToOne(WorkspaceEntity).mapToPk().fieldName('default_workspace_id').index(false),
    passwordHash: p.text().nullable(),
    createdAt: p.datetime(3),
    mac: p.blob(),
  },
});
