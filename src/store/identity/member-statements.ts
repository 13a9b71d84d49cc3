import type { Reference } from '../../vault/ids.ts';
import type { Membership } from '../../vault/identity/identity.ts';
import { userColumns, type UserColumns } from './access-rows.ts';
import { advisoryLocks } from '../postgres/statements/advisory-locks.ts';
import { selectList, type Fragment, type Statement } from '../postgres/statements/statement.ts';

/** A row of `membership` as it is read. */
export type MembershipRow = Membership & { readonly eventId: string | null; readonly mac: Uint8Array };

/** A row of `membership` with its user. */
export type MemberRow = MembershipRow & UserColumns;

/** What is read of a membership. */
export const membershipProperties = [
  'userId',
  'workspaceId',
  'role',
  'mayReveal',
  'eventId',
  'mac',
] as const satisfies readonly (keyof MembershipRow)[];

const membershipColumns = selectList('m', membershipProperties);

/** Holds off all others who change memberships, until the transaction ends. */
export const lockMembers: Statement = {
  name: 'lock members',
  text: 'select pg_advisory_xact_lock($1, $2)',
  values: [...advisoryLocks.members],
};

/** The memberships that decide on a change of one: his own, and those of admins who were not deactivated. */
export function findMembersForChange(workspaceId: string, userId: string): Statement {
  return {
    name: 'members for change',
    text:
      `select ${membershipColumns} from membership m join "user" u on u.id = m.user_id` +
      ` where m.workspace_id = $1 and (m.user_id = $2 or (m.role = 'ADMIN' and u.deactivated_at is null))`,
    values: [workspaceId, userId],
  };
}

/** Ends a membership. */
export function deleteMembership(workspaceId: string, userId: string): Fragment {
  return {
    name: '-membership',
    values: [workspaceId, userId],
    text: (first) => `delete from membership where workspace_id = $${first} and user_id = $${first + 1}`,
  };
}

/** A member with their user. */
export function findMember(workspaceId: string, reference: Reference): Statement {
  const [column, value] = 'id' in reference ? ['id', reference.id] : ['short_id', reference.shortId];
  return {
    name: `member by ${column}`,
    text:
      `select ${membershipColumns}, ${userColumns} from membership m join "user" u on u.id = m.user_id` +
      ` where m.workspace_id = $1 and u.${column} = $2`,
    values: [workspaceId, value],
  };
}

/** Members with their users, in the order of their ids. */
export function listMembers(workspaceId: string, after: string | null, limit: number): Statement {
  return {
    name: 'list members',
    text:
      `select ${membershipColumns}, ${userColumns} from membership m join "user" u on u.id = m.user_id` +
      ' where m.workspace_id = $1 and ($2::uuid is null or m.user_id > $2) order by m.user_id limit $3',
    values: [workspaceId, after, limit],
  };
}
