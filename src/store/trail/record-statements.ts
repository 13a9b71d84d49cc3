import { credentialProperties } from '../credentials/credential-row.ts';
import { selectList, type Statement } from '../postgres/statements/statement.ts';

// Verification reads every row once, by cursors over joins of rows and events. Their plans are tested in
// test/store/trail/record-plans.test.ts.

/** The resource id of an event; null for a tampered one that is no UUID. */
const resourceUuid = `case when resource_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then resource_id::uuid end`;

/** The workspaces that exist or that the trail mentions, without those that were deleted. */
export const findRecordedWorkspaces: Statement = {
  name: '',
  text: `
    select id from workspace where deleted_at is null
    union
    select distinct workspace_id from audit_event
    where resource_state is not null and resource_kind = 'credential' and workspace_id is not null
    except
    select ${resourceUuid} from audit_event where action = 'workspaces.delete' and outcome = 'OK'
    order by 1`,
  values: [],
};

/** Makes the rows of one workspace visible to the rest of the transaction. */
export function enterWorkspace(workspaceId: string): Statement {
  return {
    name: '',
    text: `select set_config('coffer.workspaces', $1, true)`,
    values: [workspaceId],
  };
}

/** The workspace that was entered. Row-level security shows no other, but the planner uses an index only for this condition. */
const entered = `current_setting('coffer.workspaces')::uuid`;

/** The format of a credential's state in an event. Verification of the chain reports tampered events that have another. */
const state = '^[0-9]{1,9}[.][0-9]{1,9}[.][0-9a-f]{32}$';

/** The credentials of the workspace that was entered, each with the newest state that its events record. */
export const credentialsCursor = cursor(`
  with recorded as (
    select resource_id as id, split_part(resource_state, '.', 1)::int as revision,
      min(resource_state) as state, min(resource_state) <> max(resource_state) as is_forked
    from (
      select resource_id, resource_state from audit_event
      where workspace_id = ${entered} and resource_kind = 'credential'
        and resource_state ~ '${state}'
      offset 0
    ) e
    group by 1, 2
  ), newest as (
    select distinct on (id) id, revision, state, bool_or(is_forked) over (partition by id) as is_forked
    from recorded order by id, revision desc
  )
  select n.id as "recordedId", n.revision as "recordedRevision", n.state as "recordedState", n.is_forked as "isForked",
    ${selectList('c', [...credentialProperties, 'mac'])}
  from (select * from credential where workspace_id = ${entered}) c
  full join newest n on n.id = c.id::text
  order by coalesce(c.id::text, n.id)`);

/** The keys of the workspace that was entered. */
export const workspaceKeysCursor = cursor(`
  select ${selectList('k', ['workspaceId', 'keyId', 'wrapped', 'masterFingerprint', 'createdAt', 'mac'])}
  from workspace_key k where k.workspace_id = ${entered}`);

/** The versions of the workspace that was entered that have their content although the trail has their destruction. */
export const restoredVersionsCursor = cursor(`
  select 'credential_version' as "table", v.workspace_id || '/' || v.credential_id || '/' || v.version as id, 'restored' as flaw
  from audit_event e
  join credential_version v
    on v.workspace_id = ${entered} and v.credential_id = ${resourceUuid} and v.version = e.version
  where e.workspace_id = ${entered} and e.action = 'secrets.destroy_version' and e.outcome = 'OK'
    and (v.state <> 'destroyed' or v.sealed is not null)`);

/** The rows of a table without row-level security. */
export function tableCursor(table: string, properties: readonly string[]): Statement {
  return cursor(`select ${selectList('t', properties)} from "${table}" t`);
}

/** The part of the MAC of a row in `t` that events record. */
const stateOfRow = `encode(substr(t.mac, 1, 16), 'hex')`;

/** The order in which the flaws of a row with several are reported. */
const flawsInOrder = `array['removed', 'restored', 'revived', 'reverted', 'forked']`;

/**
 * Rows that contradict the trail: missing although they were created, present although they were deleted or revoked, or restored
 * to a former state. A user or a membership never has the same state twice, so the order of the events that record states does
 * not matter.
 */
export const contradictionsCursor = cursor(`
  with recorded as (
    select distinct on (resource_kind, workspace_id, resource_id) action, workspace_id, resource_id, resource_state
    from audit_event e
    where outcome = 'OK' and action in ('members.add', 'members.remove')
    order by resource_kind, workspace_id, resource_id, id desc
  ), deleted as (
    select ${resourceUuid} as workspace_id from audit_event
    where action = 'workspaces.delete' and outcome = 'OK' and ${resourceUuid} is not null
  ), ended as (
    select case resource_kind when 'member' then 'membership' else 'user' end as "table",
      case resource_kind when 'member' then resource_id || '/' || workspace_id else resource_id end as id,
      resource_state as state, count(*) as times, bool_or(action = 'members.remove') as is_removal
    from audit_event
    where outcome = 'OK' and resource_kind in ('member', 'user') and resource_state is not null
    group by 1, 2, 3
  ), present as (
    select 'membership' as "table", t.user_id || '/' || t.workspace_id as id, ${stateOfRow} as state from membership t
    union all
    select 'user', t.id::text, ${stateOfRow} from "user" t
  ), flaws as (
    select 'membership' as "table", t.resource_id || '/' || t.workspace_id as id,
      case when m.user_id is null then 'removed' else 'restored' end as flaw
    from recorded t left join membership m on m.user_id::text = t.resource_id and m.workspace_id = t.workspace_id
    where (m.user_id is null) = (t.action = 'members.add') and t.workspace_id not in (select workspace_id from deleted)
      and (m.event_id is null or t.resource_state is null)
    union all
    select 'membership', m.user_id || '/' || m.workspace_id, 'restored'
    from membership m join deleted d on d.workspace_id = m.workspace_id
    union all
    select 'api_key', e.resource_id, case when k.id is null then 'removed' else 'revived' end
    from audit_event e left join api_key k on k.id::text = e.resource_id
    where e.outcome = 'OK' and e.action in ('api_keys.create', 'api_keys.revoke')
      and (k.id is null or (e.action = 'api_keys.revoke' and k.revoked_at is null))
    union all
    select 'api_key', k.id::text, 'revived'
    from api_key k join deleted d on d.workspace_id = k.workspace_id where k.revoked_at is null
    union all
    select 'user', e.resource_id, case when u.id is null then 'removed' else 'revived' end
    from audit_event e left join "user" u on u.id::text = e.resource_id
    where e.outcome = 'OK' and e.action in ('instance.set_up', 'users.create', 'users.deactivate') and e.resource_kind = 'user'
      and (u.id is null or (e.action = 'users.deactivate' and u.deactivated_at is null))
    union all
    select 'user', u.id::text, 'reverted'
    from "user" u join deleted d on d.workspace_id = u.default_workspace_id where u.password_hash is not null
    union all
    select "table", id, case when is_removal then 'restored' else 'reverted' end
    from present join ended using ("table", id, state)
    union all
    select "table", id, 'forked' from ended where times > 1
    union all
    select 'session', s.id::text, 'restored'
    from session s where s.id::text in (
      select resource_id from audit_event where outcome = 'OK' and action = 'sessions.logout'
    )
    union all
    select 'workspace', w.id::text, 'revived'
    from workspace w join deleted d on d.workspace_id = w.id where w.deleted_at is null
    union all
    select 'workspace', e.resource_id, 'removed'
    from audit_event e left join workspace w on w.id::text = e.resource_id
    where e.outcome = 'OK' and e.action = 'workspaces.create' and w.id is null
  )
  select distinct on ("table", id) "table", id, flaw from flaws
  order by "table", id, array_position(${flawsInOrder}, flaw)`);

/** Reads the next rows of the open cursor. */
export function fetchRows(count: number): Statement {
  return { name: '', text: `fetch ${Math.trunc(count)} from records`, values: [] };
}

/** Closes the cursor. */
export const closeCursor: Statement = { name: '', text: 'close records', values: [] };

/** The versions of a workspace's credentials in order, after a given version; credentials without any version are included. */
export function findVersions(
  workspaceId: string,
  { credentialId, version }: { readonly credentialId: string; readonly version: number },
  count: number,
): Statement {
  return {
    name: 'versions in order',
    text: `
      select c.workspace_id as "workspaceId", c.id as "credentialId", c.current_version as "currentVersion",
        c.oldest_version as "oldestVersion",
        v.version, v.sealed, v.state, v.key_id as "keyId", v.created_by as "createdBy", v.created_at as "createdAt", v.mac
      from credential c
      left join credential_version v on v.workspace_id = c.workspace_id and v.credential_id = c.id
      where c.workspace_id = $1 and c.id >= $2 and (c.id > $2 or v.version > $3)
      order by c.id, v.version limit $4`,
    values: [workspaceId, credentialId, version, count],
  };
}

/** A row if the workspace exists and is not deleted. */
export function findExistingWorkspace(workspaceId: string): Statement {
  return { name: '', text: 'select id from workspace where id = $1 and deleted_at is null', values: [workspaceId] };
}

/** A cursor, so that the rows and their sort keys are never all in memory at once. */
function cursor(query: string): Statement {
  return { name: '', text: `declare records no scroll cursor for ${query}`, values: [] };
}
