import { defineEntity, p } from '@mikro-orm/postgresql';
import { shortIdColumn } from './short-id-column.ts';
import { WorkspaceEntity } from './workspace.ts';

/** A person who may log in, or in whose name API keys act. Grants something: carries a MAC. */
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
    // Whom Fishnet's login means, which names nobody: the oldest of these who has a password.
    logsInUnnamed: p.boolean().default(true),
    deactivatedAt: p.datetime(3).nullable(),
    createdAt: p.datetime(3),
    mac: p.blob(),
  },
});
