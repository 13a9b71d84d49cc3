import { defineEntity, p } from '@mikro-orm/postgresql';
import { roles } from '../../vault/permissions.ts';
import { UserEntity } from './user.ts';
import { WorkspaceEntity } from './workspace.ts';

/** What a user may do in a workspace. Grants something: carries a MAC. */
export const MembershipEntity = defineEntity({
  name: 'Membership',
  tableName: 'membership',
  indexes: [{ name: 'membership_workspace_index', properties: ['workspaceId', 'userId'] }],
  properties: {
    // The user comes first, since every lookup is by him.
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
    /** Of the event that tells of it; null in rows from before it was written down. */
    eventId: p.uuid().nullable(),
    mac: p.blob(),
  },
});
