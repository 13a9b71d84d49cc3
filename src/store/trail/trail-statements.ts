import { raw } from '@mikro-orm/postgresql';
import type { AuditEventRequest } from '../../vault/audit/ports.ts';
import { advisoryLocks } from '../postgres/statements/advisory-locks.ts';
import { auditEventProperties, type AuditEventRow } from './audit-event-row.ts';
import type { EntityCriteria } from '../postgres/statements/entity-query.ts';
import { selectList, type Statement } from '../postgres/statements/statement.ts';

// Statements that the query builder cannot express: locks, lateral joins, and positions in a compound key. Their plans are tested in
// test/store/trail/trail-plans.test.ts. Only `findLastEvent` can precede a commit, after a lost connection.

/** The columns of a `StreamHead`. */
const head = 'stream, seq as sequence, mac';

/** Prevents other processes from appending to the ledger until the transaction ends. */
export const lockLedger: Statement = {
  name: 'lock ledger',
  text: 'select pg_advisory_xact_lock($1, $2)',
  values: [...advisoryLocks.ledger],
};

/** The whole ledger in order: a line for each start, and each time that events were pruned. */
export const findLedger: Statement = {
  name: 'ledger',
  text: 'select number, kind, stream, time, heads, mac from audit_ledger order by number',
  values: [],
};

/** The lines of the ledger about lost events, in order. */
export const findLossLines: Statement = {
  name: 'loss lines',
  text: `
    select number, kind, stream, time, heads, mac from audit_ledger
    where kind in ('loss', 'acknowledge') order by number`,
  values: [],
};

/** The last event of a stream. */
export function findLastEvent(stream: string): Statement {
  return {
    name: 'last event',
    text: `select ${head} from audit_event where stream = $1 order by seq desc limit 1`,
    values: [stream],
  };
}

/** The last event of every stream in the ledger, without rows whose number or MAC no event has. */
export const findHeadsOfStreams: Statement = {
  name: 'heads of streams',
  text: `
    select e.stream, e.seq as sequence, e.mac from audit_ledger l
    cross join lateral (
      select stream, seq, mac from audit_event
      where stream = l.stream and seq between 1 and ${Number.MAX_SAFE_INTEGER} and octet_length(mac) = 32
      order by seq desc limit 1
    ) e
    where l.kind = 'begin' order by e.stream`,
  values: [],
};

/** The first and the last number of a stream. */
export interface StreamSpan {
  readonly stream: string;
  readonly first: number;
  readonly last: number;
}

/** The first and the last number of every stream in the ledger. */
export const findStreamSpans: Statement = {
  name: 'stream spans',
  text: `
    select l.stream, f.seq as first, e.seq as last from audit_ledger l
    cross join lateral (select seq from audit_event where stream = l.stream and seq >= 1 order by seq limit 1) f
    cross join lateral (
      select seq from audit_event where stream = l.stream and seq <= ${Number.MAX_SAFE_INTEGER} order by seq desc limit 1
    ) e
    where l.kind = 'begin'`,
  values: [],
};

/** Estimates the number of credentials and versions from the statistics of the server. */
export const estimateRecords: Statement = {
  name: 'estimate records',
  text: `
    select greatest(reltuples, pg_stat_get_live_tuples(oid), 0)::bigint as rows
    from pg_class where oid in ('credential'::regclass, 'credential_version'::regclass)`,
  values: [],
};

/** Selects the oldest events of a stream for pruning. */
export interface CutRequest {
  readonly stream: string;
  /** The number of the last event that may be deleted. */
  readonly end: number;
  readonly count: number;
}

/**
 * The last event of a stream that is older than a time and precedes the first one that is not. Events are numbered in the order
 * in which they were written, so that all events before an older one are older, whatever their times; events dated in the future
 * are ignored.
 */
export function findLastOlder({
  stream,
  before,
  now,
}: {
  readonly stream: string;
  readonly before: Date;
  readonly now: Date;
}): Statement {
  return {
    name: 'last older event',
    text: `
      select ${head} from audit_event
      where stream = $1 and time < $2 and seq < coalesce(
        (select seq from audit_event where stream = $1 and time >= $2 and time <= $3 order by seq limit 1),
        ${Number.MAX_SAFE_INTEGER})
      order by seq desc limit 1`,
    values: [stream, before, now],
  };
}

/** The last of the events that are to be deleted. */
export function findCut({ stream, end, count }: CutRequest): Statement {
  return {
    name: 'cut of a stream',
    text: `
      with oldest as (select stream, seq, mac from audit_event where stream = $1 order by seq limit $3)
      select ${head} from oldest where seq <= $2 order by seq desc limit 1`,
    values: [stream, end, count],
  };
}

/** Deletes the events of a stream up to a number, and returns a row for each. */
export function deleteEvents(stream: string, last: number): Statement {
  return {
    name: 'delete events',
    text: 'delete from audit_event where stream = $1 and seq <= $2 returning seq',
    values: [stream, last],
  };
}

/** Events in the order of their streams and numbers, from the first or after a position, including rows that were tampered with. */
export function readEvents(
  last: { readonly stream: string; readonly place: string } | undefined,
  count: number,
): Statement {
  const columns = `${selectList('e', auditEventProperties)}, e.seq::text as place`;
  return {
    name: last ? 'events in order' : 'first events in order',
    text: `
      select ${columns} from audit_event e
      ${last ? 'where (e.stream, e.seq) > ($2, $3)' : ''} order by e.stream, e.seq limit $1`,
    values: last ? [count, last.stream, last.place] : [count],
  };
}

/**
 * Selects a page of the events of a workspace, or of none, the newest first. Rows with a time that no event can have were tampered
 * with, and only verification reports them. The order includes the workspace, although all events have the same, so that the
 * index serves events without a workspace as well.
 */
export function eventCriteria({
  workspaceId,
  after,
  from = earliest,
  until = afterLatest,
  actorId,
  action,
  resourceId,
  size,
}: Omit<AuditEventRequest, 'signal'>): EntityCriteria<AuditEventRow> {
  const where = {
    workspaceId,
    ...(after !== undefined && { id: { $lt: after } }),
    time: { $gte: from, $lt: until },
    ...(actorId !== undefined && { actorId }),
    // Callers filter by any text, while the property has the known actions only.
    ...(action !== undefined && { [raw('e.action = ?', [action])]: [] }),
    ...(resourceId !== undefined && { resourceId }),
  };
  return { where, orderBy: { workspaceId: 'desc', id: 'desc' }, limit: size };
}

const earliest = new Date('0001-01-01T00:00:00Z');
const afterLatest = new Date('+010000-01-01T00:00:00Z');
