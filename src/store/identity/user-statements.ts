import type { Session } from '../../vault/identity/identity.ts';
import { apiKeyProperties, userProperties } from './access-rows.ts';
import { advisoryLocks } from '../postgres/statements/advisory-locks.ts';
import { selectList, type Fragment, type Statement } from '../postgres/statements/statement.ts';

/** How many keys or users are changed at a time, so that other work of the process goes on in between. */
export const rowsAtATime = 200;

/** A row where any user has a password. */
export const anyPassword: Statement = {
  name: 'any password',
  text: 'select 1 from "user" where password_hash is not null limit 1',
  values: [],
};

/** What all users are granted, with their MACs. */
export const allUsers: Statement = {
  name: 'all users',
  text: `select ${selectList('u', userProperties)} from "user" u`,
  values: [],
};

/** A row where any owner of the instance exists. */
export const anyOwner: Statement = {
  name: 'any owner',
  text: 'select 1 from "user" where is_owner limit 1',
  values: [],
};

/** Holds off all others who want to be first, until the transaction ends. */
export const lockFirstUser: Statement = {
  name: 'lock first user',
  text: 'select pg_advisory_xact_lock($1, $2)',
  values: [...advisoryLocks.firstUser],
};

/** Finds a user, and holds off all others who change what belongs to him, until the transaction ends. */
export function lockUser(id: string): Statement {
  return {
    name: 'user, locked',
    text: `select ${selectList('u', userProperties)} from "user" u where u.id = $1 for no key update`,
    values: [id],
  };
}

/** The API keys of a user that may do what he may and are not revoked, locked. */
export function lockPersonalKeys(userId: string): Statement {
  return {
    name: 'personal keys, locked',
    text:
      `select ${selectList('k', apiKeyProperties)} from api_key k` +
      ' where k.user_id = $1 and k.role is null and k.revoked_at is null order by k.id for no key update',
    values: [userId],
  };
}

/** Ends the oldest sessions of a session's user, until so many are left, and answers their ids; the session itself always stays. */
export function endSessionsBeyond({ id, userId }: Session, keep: number): Statement {
  return {
    name: 'end sessions beyond',
    text: `
      delete from session where id in (
        select id from session where user_id = $1 and id <> $2
        order by created_at desc, id desc
        offset $3
      ) returning id`,
    values: [userId, id, keep - 1],
  };
}

/** Ends all sessions of a user, and answers their ids. */
export function endSessions(userId: string): Statement {
  return { name: 'end sessions', text: 'delete from session where user_id = $1 returning id', values: [userId] };
}

/** Ends all sessions of a user but one, and answers their ids. */
export function endOtherSessions(userId: string, sessionId: string | null): Statement {
  return {
    name: 'end other sessions',
    text: 'delete from session where user_id = $1 and id is distinct from $2::uuid returning id',
    values: [userId, sessionId],
  };
}

/** Ends one session. */
export function deleteSession(id: string): Fragment {
  return { name: '-session', values: [id], text: (first) => `delete from session where id = $${first}` };
}

/** Some of the API keys of a workspace that are not revoked, behind an id in their order, locked. */
export function lockValidKeys(workspaceId: string, after: string | null): Statement {
  return {
    name: 'valid keys, locked',
    text:
      `select ${selectList('k', apiKeyProperties)} from api_key k` +
      ' where k.workspace_id = $1 and k.revoked_at is null and ($2::uuid is null or k.id > $2)' +
      ` order by k.id limit ${rowsAtATime} for no key update`,
    values: [workspaceId, after],
  };
}

/** Some of the users whose default workspace it is, behind an id in their order, locked. */
export function lockUsersOf(workspaceId: string, after: string | null): Statement {
  return {
    name: 'users of workspace, locked',
    text:
      `select ${selectList('u', userProperties)} from "user" u` +
      ' where u.default_workspace_id = $1 and ($2::uuid is null or u.id > $2)' +
      ` order by u.id limit ${rowsAtATime} for no key update`,
    values: [workspaceId, after],
  };
}
