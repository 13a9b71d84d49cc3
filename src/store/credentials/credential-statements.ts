import type { VersionRequest } from '../../vault/credentials/ports.ts';
import type { Usage } from '../../vault/usage/usage-recorder.ts';
import {
  credentialProperties,
  insertedColumns,
  updatedColumns,
  versionTypes,
  versionValuesOf,
  type SignedCredential,
  type SignedVersion,
} from './credential-row.ts';
import { recentConsumers } from './consumer-statements.ts';
import { revokedIds } from '../identity/revocation.ts';
import {
  insertItems,
  insertRows,
  selectList,
  updateItems,
  type Fragment,
  type Statement,
} from '../postgres/statements/statement.ts';

/*
 * Hand-written: create, update and reveal are made of these statements. Each finds or writes any number of rows in one round
 * trip and keeps its plan on an index, which the query builder cannot express (docs/performance.md, "Where the time goes";
 * `npm run bench -- --only rest`).
 */

/** A place where a credential is looked for. */
export interface Place {
  readonly workspaceId: string;
  /** The id, the short id or the name. */
  readonly value: string;
  /** The number of the one who asks. */
  readonly index: number;
}

/** The columns of a version, under the names of a finding. */
export const versionColumns =
  'v.version, v.sealed, v.key_id, v.created_by as version_created_by, v.created_at as version_created_at';
/** The properties of a credential with its MAC. */
export const signedProperties = [...credentialProperties, 'mac'];
/** All columns of a credential and its MAC, of the finding `f`. */
export const signedList = selectList('f', signedProperties);
/** The columns of the version of the finding `f`. */
export const sealedList = selectList('f', ['version', 'sealed', 'keyId', 'versionCreatedBy', 'versionCreatedAt']);

/**
 * There is one at most. The planner takes any index that begins with the workspace for as good, as long as it knows nothing of
 * the table; but only one of them is in this order, which an equality would not ask for.
 */
const byShortId = 'c.short_id >= p.value and c.short_id <= p.value order by c.short_id limit 1';

/** How a credential is found: the type of what names it, and which of several is meant. */
export const ways = {
  id: { type: 'uuid', choice: 'c.id = p.value offset 0' },
  shortId: { type: 'bpchar', choice: byShortId },
  name: {
    type: 'text',
    choice: 'c.name = p.value and c.deleted_at is null order by c.exclusive_name, c.created_at, c.id limit 1',
  },
} as const;

/** What is found of credentials beside their rows. */
interface FindingOptions {
  readonly sealed: boolean;
  /** The ids of API keys and sessions; those that were revoked are returned with every sealed version. */
  readonly checkedIds?: readonly string[];
  readonly withConsumers?: boolean;
}

/**
 * Finds credentials at one moment, without a lock; where they are wanted, with their current sealed versions. As all of
 * these, it looks up one place after the other by an index, whatever the planner thinks of how many there are: that is what
 * `offset 0` is for.
 *
 */
export function findCredentials(
  property: keyof typeof ways,
  places: readonly Place[],
  { sealed, checkedIds = [], withConsumers = false }: FindingOptions,
): Statement {
  const { type, choice } = ways[property];
  const version = `, ${versionColumns} from credential c left join credential_version v
        on v.workspace_id = c.workspace_id and v.credential_id = c.id and v.version = c.current_version`;
  return {
    name: `${sealed ? 'sealed ' : ''}credentials by ${property}${withConsumers ? ', with consumers' : ''}`,
    text: `
      select p.index, ${signedList}${sealed ? `, ${sealedList}, ${revokedIds('$4')} as "revokedIds"` : ''}${withConsumers ? `, ${recentConsumers} as consumers` : ''}
      from unnest($1::uuid[], $2::${type}[], $3::int[]) as p (workspace_id, value, index)
      cross join lateral (
        select c.*${sealed ? version : ' from credential c'}
        where c.workspace_id = p.workspace_id and ${choice}
      ) f`,
    values: [...valuesOf(places), places.map(({ index }) => index), ...(sealed ? [checkedIds] : [])],
  };
}

/** Finds credentials without their secrets, and takes the locks of their rows in the order of the places. */
export function lockCredentials(places: readonly Place[]): Statement {
  // Not `for update`, which would also wait for those who merely refer to the row by a foreign key.
  return {
    name: 'credentials, locked',
    text: `
      select ${signedList}
      from unnest($1::uuid[], $2::uuid[]) as p (workspace_id, value)
      cross join lateral (
        select * from credential c where c.workspace_id = p.workspace_id and c.id = p.value
        offset 0 for no key update
      ) f`,
    values: valuesOf(places),
  };
}

/** Finds the ids of short ids. */
export function findIdsOfShortIds(places: readonly Place[]): Statement {
  return {
    name: 'ids of short ids',
    text: `
      select f.workspace_id as "workspaceId", f.id as value
      from unnest($1::uuid[], $2::bpchar[]) as p (workspace_id, value)
      cross join lateral (
        select workspace_id, id from credential c where c.workspace_id = p.workspace_id and ${byShortId}
      ) f`,
    values: valuesOf(places),
  };
}

/**
 * Finds the current sealed versions of credentials whose locks were taken. It is a separate statement, to be run after
 * that one: PostgreSQL would join the row that it waited for with the version that was current before the wait, and find
 * nothing.
 */
export function findSealedVersions(places: readonly Place[]): Statement {
  return {
    name: 'sealed versions',
    text: `
      select f.workspace_id as "workspaceId", f.credential_id as value, ${sealedList}
      from unnest($1::uuid[], $2::uuid[]) as p (workspace_id, value)
      cross join lateral (
        select v.workspace_id, v.credential_id, ${versionColumns} from credential c join credential_version v
          on v.workspace_id = c.workspace_id and v.credential_id = c.id and v.version = c.current_version
        where c.workspace_id = p.workspace_id and c.id = p.value offset 0
      ) f`,
    values: valuesOf(places),
  };
}

/** Adds credentials. */
export function insertCredentials(credentials: readonly SignedCredential[]): Fragment {
  return insertItems('credential', insertedColumns, credentials);
}

/** Brings credentials to their new state; their uses are counted apart. */
export function updateCredentials(credentials: readonly SignedCredential[]): Fragment {
  return updateItems('credential', updatedColumns, { keys: ['workspaceId', 'id'], items: credentials });
}

/** Finds the sealed bytes of a version, whether or not it is the current one. */
export function findSealedVersion({ workspaceId, id, version }: Omit<VersionRequest, 'signal'>): Statement {
  return {
    name: 'sealed version',
    text: 'select sealed from credential_version where workspace_id = $1 and credential_id = $2 and version = $3',
    values: [workspaceId, id, version],
  };
}

/** Adds versions of credentials. */
export function insertVersions(versions: readonly SignedVersion[]): Fragment {
  return insertRows('credential_version', versionTypes, versions.map(versionValuesOf));
}

/**
 * Adds uses, in one statement. Each row is looked up by its key. The rows are locked in the order of their ids, so that processes which flush at the same
 * time wait for one another instead of deadlocking; and a revision is not touched, so that etags stay as they are.
 */
export function addUses(uses: readonly Usage[]): Statement {
  return {
    name: 'add uses',
    text: `
      with used as (
        select workspace_id, id, max(last_used_at) as last_used_at, sum(uses) as uses
        from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[]) as u (workspace_id, id, last_used_at, uses)
        group by workspace_id, id
        order by workspace_id, id
      ), locked as (
        select used.*
        from used cross join lateral (
          select from credential c where c.workspace_id = used.workspace_id and c.id = used.id offset 0 for no key update
        ) f
      )
      update credential c
      set last_used_at = greatest(c.last_used_at, locked.last_used_at),
        use_count = least(c.use_count::numeric + locked.uses, ${Number.MAX_SAFE_INTEGER})::bigint
      from locked
      where c.workspace_id = locked.workspace_id and c.id = locked.id and c.purged_at is null`,
    values: [
      uses.map(({ workspaceId }) => workspaceId),
      uses.map(({ id }) => id),
      uses.map(({ lastUsedAt }) => lastUsedAt),
      uses.map((use) => use.uses),
    ],
  };
}

function valuesOf(places: readonly Place[]): unknown[] {
  return [places.map(({ workspaceId }) => workspaceId), places.map(({ value }) => value)];
}
