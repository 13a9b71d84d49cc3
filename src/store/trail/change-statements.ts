import { changeActions } from '../../vault/credentials/change-events.ts';
import type { ChangeRequest, ResumedPosition } from '../../vault/credentials/change-events.ts';
import type { Statement } from '../postgres/statements/statement.ts';

// Statements of watches. They combine positions in streams with the order of the list of a workspace, which the query builder
// cannot express. Their plans are tested in test/store/trail/change-plans.test.ts.

/** The sequence numbers that an event can have; a tampered row may have others. */
const isNumbered = `seq between 1 and ${Number.MAX_SAFE_INTEGER}`;

/** The times that can be shown; a database writer may have stored others, such as `infinity`. */
const isReadableTime = `time between '0001-01-01T00:00:00Z' and '9999-12-31T23:59:59.999Z'`;

const actionsWithReveals = [...changeActions, 'secrets.reveal'];

/** The changes of a workspace's credentials after an id, without those up to the delivered positions, in the order of ids. */
export function findChanges({ workspaceId, after, delivered, withReveals, size }: ChangeRequest): Statement {
  return {
    name: 'changes',
    text: `
      select stream, seq as sequence, id as "eventId", time, action, resource_id as "credentialId",
        resource_state as "state", days, former_scope as "formerScope"
      from audit_event e
      where workspace_id = $1 and id > $2 and outcome = 'OK' and resource_kind = 'credential' and action = any($3)
        and ${isNumbered} and ${isReadableTime}
        and not exists (
          select from unnest($4::uuid[], $5::bigint[]) as d(stream, seq) where d.stream = e.stream and d.seq >= e.seq
        )
      order by id limit $6`,
    values: [
      workspaceId,
      after,
      withReveals ? actionsWithReveals : changeActions,
      delivered.map(({ stream }) => stream),
      delivered.map(({ sequence }) => sequence),
      size,
    ],
  };
}

/** The last event of a workspace in each stream that has one after an id, or the newest one of all. */
export function findReached(workspaceId: string, after: string): Statement {
  return {
    name: 'reached events',
    text: `
      select stream, max(seq) as sequence, max(id::text collate "C") as "eventId"
      from audit_event
      where workspace_id = $1 and ${isNumbered} and id >= least(
        $2::uuid,
        (select id from audit_event where workspace_id = $1 order by workspace_id desc, id desc limit 1))
      group by stream order by "eventId"`,
    values: [workspaceId, after],
  };
}

/** The events at positions of a token, in the order of ids. */
export function findPositions({ sequences }: ResumedPosition): Statement {
  return {
    name: 'positions',
    text: `
      select e.stream, e.seq as sequence, e.id as "eventId"
      from unnest($1::text[], $2::bigint[]) as p(digits, seq)
      join audit_ledger l on l.kind = 'begin' and right(replace(l.stream::text, '-', ''), 16) = p.digits
      join audit_event e on e.stream = l.stream and e.seq = p.seq
      order by e.id`,
    values: [[...sequences.keys()], [...sequences.values()]],
  };
}

/**
 * Whether events are missing since a time: all kept ones are younger than the token, or events of later times were pruned after
 * `since`.
 *
 * @param sinceId the least id of that time
 */
export function findMissing({ time }: ResumedPosition, since: Date, sinceId: string): Statement {
  return {
    name: 'missing events',
    text: `
      select $1::timestamptz < (
        select min(f.time) from audit_ledger l
        cross join lateral (select time from audit_event where stream = l.stream and seq >= 1 order by seq limit 1) f
        where l.kind = 'begin'
      ) or exists (
        select from audit_event where workspace_id is null and id > $2 and action = 'audit.prune' and resource_id > $3
      ) as "isMissing"`,
    values: [time, sinceId, since.toISOString()],
  };
}

/** What scopes are compared with, of credentials of one workspace. */
export function findScopedRecords(workspaceId: string, ids: readonly string[]): Statement {
  return {
    name: 'scoped records',
    text: 'select id, provider, tags, subject from credential where workspace_id = $1 and id = any($2::uuid[])',
    values: [workspaceId, ids],
  };
}
