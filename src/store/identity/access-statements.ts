import type { ApiKeyRow, MembershipRow, UserRow } from './identity-rows.ts';
import { apiKeyProperties, membershipProperties, userProperties } from './identity-rows.ts';
import { selectList, type Statement } from '../postgres/statements/statement.ts';

/*
 * Hand-written and prepared: while a process cannot rely on its cache, these statements run for every call, at 60 to 100 µs
 * of processor time each, and the query builder would add as much again (docs/decisions/0015-cached-authentications.md).
 */

/** A user and one of their memberships; there is a row for each membership, or one without any. */
export interface AccessRow {
  readonly user: UserRow;
  /** All null where the user is a member of no workspace. */
  readonly membership: MembershipRow | { readonly userId: null };
}

/** An API key with its user and one of their memberships. */
export interface ApiKeyAccessRow extends AccessRow {
  readonly apiKey: ApiKeyRow;
}

/** A session with its user and one of their memberships. */
export interface SessionAccessRow extends AccessRow {
  readonly session: {
    readonly id: string;
    readonly userId: string;
    readonly hash: Uint8Array;
    readonly expiresAt: Date;
    readonly createdAt: Date;
    readonly mac: Uint8Array;
  };
}

const sessionProperties = ['id', 'userId', 'hash', 'expiresAt', 'createdAt', 'mac'];

const userAndMembership = `${selectList('u', userProperties, 'user')}, ${selectList('m', membershipProperties, 'membership')}`;

/**
 * Finds an API key with its user and their memberships. The name in a certificate may have had keys that were revoked: the
 * valid one comes first, then the one that was revoked last.
 */
export function findApiKeyAccess(hash: Uint8Array): Statement {
  return {
    name: 'api key access',
    text:
      `select ${selectList('k', apiKeyProperties, 'apiKey')}, ${userAndMembership} from api_key k` +
      ' join "user" u on u.id = k.user_id left join membership m on m.user_id = u.id' +
      ' where k.hash = $1 order by k.revoked_at desc nulls first, k.id, m.workspace_id',
    values: [hash],
  };
}

/** Finds a session with its user and their memberships. */
export function findSessionAccess(hash: Uint8Array): Statement {
  return {
    name: 'session access',
    text:
      `select ${selectList('s', sessionProperties, 'session')}, ${userAndMembership} from session s` +
      ' join "user" u on u.id = s.user_id left join membership m on m.user_id = u.id' +
      ' where s.hash = $1 order by m.workspace_id',
    values: [hash],
  };
}
