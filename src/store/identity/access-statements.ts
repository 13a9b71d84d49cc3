import type { Membership } from '../../vault/identity/identity.ts';
import { apiKeyProperties, userColumns, type UserColumns } from './access-rows.ts';
import type { MembershipRow } from './member-statements.ts';
import { selectList, type Statement } from '../postgres/statements/statement.ts';

/** The columns of a user and of one membership beside whatever authenticates them; a row for each membership. */
export interface UserAccessRow extends UserColumns {
  /** The user's, once more; null where he is a member of nothing, as the next ones. */
  readonly memberId: string | null;
  readonly memberWorkspaceId: string;
  readonly memberRole: Membership['role'];
  readonly memberMayReveal: boolean;
  readonly memberEventId: string | null;
  readonly memberMac: Uint8Array;
}

const accessColumns = [
  userColumns,
  'm.user_id as "memberId"',
  'm.workspace_id as "memberWorkspaceId"',
  'm.role as "memberRole"',
  'm.may_reveal as "memberMayReveal"',
  'm.event_id as "memberEventId"',
  'm.mac as "memberMac"',
].join(', ');

/**
 * Finds an API key with its user and his memberships; a row for each membership, at least one. Certificates' names may have
 * had keys that were revoked: the living one comes first, then the one that was revoked last.
 */
export function findApiKeyAccess(hash: Uint8Array): Statement {
  return {
    name: 'api key access',
    text:
      `select ${selectList('k', apiKeyProperties)}, ${accessColumns} from api_key k` +
      ' join "user" u on u.id = k.user_id left join membership m on m.user_id = u.id' +
      ' where k.hash = $1 order by k.revoked_at desc nulls first, k.id, m.workspace_id',
    values: [hash],
  };
}

/** Finds a session with its user and his memberships; a row for each membership, at least one. */
export function findSessionAccess(hash: Uint8Array): Statement {
  return {
    name: 'session access',
    text:
      'select s.id, s.user_id as "userId", s.hash, s.expires_at as "expiresAt", s.created_at as "createdAt", s.mac,' +
      ` ${accessColumns} from session s` +
      ' join "user" u on u.id = s.user_id left join membership m on m.user_id = u.id' +
      ' where s.hash = $1 order by m.workspace_id',
    values: [hash],
  };
}

/** The membership that an access row tells of, with its MAC; undefined where the user has none. */
export function membershipOfAccess(row: UserAccessRow): MembershipRow | undefined {
  if (row.memberId === null) return undefined;
  return {
    userId: row.memberId,
    workspaceId: row.memberWorkspaceId,
    role: row.memberRole,
    mayReveal: row.memberMayReveal,
    eventId: row.memberEventId,
    mac: row.memberMac,
  };
}
