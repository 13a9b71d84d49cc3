import type { InferEntity } from '@mikro-orm/postgresql';
import type { WorkspaceEntity } from '../entities/workspace.ts';
import { userProperties } from '../identity/access-rows.ts';
import { advisoryLocks } from '../postgres/statements/advisory-locks.ts';
import { selectList, type Fragment, type Statement } from '../postgres/statements/statement.ts';

/** Finds a workspace that is not deleted, and holds off all who would delete it, until the transaction ends. */
export function shareWorkspace(id: string): Statement {
  return {
    name: 'workspace, shared',
    text: 'select 1 from workspace where id = $1 and deleted_at is null for share',
    values: [id],
  };
}

/** A row of `workspace` as it is read. */
export type WorkspaceRow = Omit<InferEntity<typeof WorkspaceEntity>, 'shortId' | 'purgedAt'>;

/** What is read of a workspace. */
export const workspaceProperties = [
  'id',
  'name',
  'createdBy',
  'createdAt',
  'deletedAt',
  'mac',
] as const satisfies readonly (keyof WorkspaceRow)[];

/** Finds a workspace that is not deleted, and holds off all who would delete it or grant something in it. */
export function lockWorkspace(id: string): Statement {
  return {
    name: 'workspace, locked',
    text:
      `select ${selectList('w', workspaceProperties)} from workspace w` +
      ' where w.id = $1 and w.deleted_at is null for no key update',
    values: [id],
  };
}

/** The owners of the instance who were not deactivated, the first one first. */
export const activeOwners: Statement = {
  name: 'active owners',
  text:
    `select ${selectList('u', userProperties)} from "user" u` +
    ' where u.is_owner and u.deactivated_at is null order by u.id',
  values: [],
};

/** Ends what all members of a workspace may do in it. */
export function deleteMemberships(workspaceId: string): Fragment {
  return {
    name: '-memberships',
    values: [workspaceId],
    text: (first) => `delete from membership where workspace_id = $${first}`,
  };
}

/** Destroys the keys of a workspace that is deleted. */
export function deleteWorkspaceKeys(workspaceId: string): Fragment {
  return {
    name: '-workspace_keys',
    values: [workspaceId],
    text: (first) => `delete from workspace_key where workspace_id = $${first}`,
  };
}

/** Deleted workspaces of which something may be left, those first that were deleted last. */
export const findUnpurged: Statement = {
  name: 'unpurged workspaces',
  text:
    'select id, deleted_at as "deletedAt" from workspace' +
    ' where deleted_at is not null and purged_at is null order by deleted_at desc limit 10000',
  values: [],
};

/** Answers whether nobody else is purging; then nobody else will until the transaction ends. */
export const tryLockPurge: Statement = {
  name: 'try lock purge',
  text: 'select pg_try_advisory_xact_lock($1, $2) as "isFree"',
  values: [...advisoryLocks.purge],
};

/** Deletes some rows of a tenant table, and answers how many. */
export function deleteSome(table: 'credential' | 'credential_version', workspaceId: string, count: number): Statement {
  return {
    name: `-${table}, some`,
    text: `
      with gone as (
        delete from ${table}
        where workspace_id = $1 and ctid = any (array(select ctid from ${table} where workspace_id = $1 limit $2))
        returning 1
      )
      select count(*)::int as count from gone`,
    values: [workspaceId, count],
  };
}

/** Whether credentials or keys of a workspace are there. */
export function findRemains(workspaceId: string): Statement {
  return {
    name: 'remains of workspace',
    text:
      'select exists (select from credential where workspace_id = $1) as "hasCredentials",' +
      ' exists (select from workspace_key where workspace_id = $1) as "hasKeys"',
    values: [workspaceId],
  };
}
