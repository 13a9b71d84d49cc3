import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { ChainedEvent, LedgerEntry, StreamHead, UnreadableEvent } from '../../vault/audit/audit-chain.ts';
import type { InferEntity } from '@mikro-orm/postgresql';
import type { AuditEventEntity } from '../entities/audit.ts';
import { sqlStateOf } from '../postgres/connect/database-failure.ts';
import { isReadableTime } from '../postgres/statements/column-readers.ts';
import { type Fragment, insertInto, insertRows } from '../postgres/statements/statement.ts';

/** A row of `audit_event` as it is read. */
export type AuditEventRow = InferEntity<typeof AuditEventEntity>;

/** The columns of an event with their types; what is read of one, too. */
export const auditEventTypes = {
  stream: 'uuid',
  seq: 'bigint',
  prev: 'bytea',
  mac: 'bytea',
  id: 'uuid',
  time: 'timestamptz',
  workspaceId: 'uuid',
  actorKind: 'text',
  actorId: 'text',
  actorName: 'text',
  authentication: 'text',
  action: 'text',
  resourceKind: 'text',
  resourceId: 'text',
  outcome: 'text',
  protocol: 'text',
  dialect: 'text',
  peer: 'text',
  requestId: 'text',
  count: 'int',
  resourceState: 'text',
} as const satisfies Record<keyof AuditEventRow & string, string>;

/** What PostgreSQL's error quotes where the event is missing that others are to follow. */
const missingPredecessor = 'the event before these is missing';

/**
 * Adds events to the trail, in their places.
 *
 * @param previous the event that must be there for them to be added; undefined adds them in any case
 */
export function insertAuditEvents(chained: readonly ChainedEvent[], previous?: StreamHead): Fragment {
  const insert = insertRows('audit_event', auditEventTypes, chained.map(rowOf));
  if (!previous) return insert;
  return {
    name: `${insert.name}!`,
    values: [...insert.values, previous.stream, previous.sequence, previous.mac],
    text: (first) => {
      const [stream, sequence, mac] = [0, 1, 2].map((index) => `$${first + insert.values.length + index}`);
      const found = `select 'true' from audit_event where stream = ${stream} and seq = ${sequence} and mac = ${mac}`;
      return `${insert.text(first)} where coalesce((${found}), '${missingPredecessor}')::boolean`;
    },
  };
}

/** Whether events were refused because the one before them is missing. */
export function isPredecessorMissing(error: unknown): boolean {
  return error instanceof Error && sqlStateOf(error) === '22P02' && error.message.includes(missingPredecessor);
}

/** Adds a line to the ledger of the trail. */
export function insertLedgerEntry({ number, kind, stream, time, heads, mac }: LedgerEntry): Fragment {
  return insertInto('audit_ledger', { number, kind, stream, time, heads, mac });
}

/** A row with its number as it is stored, which may be larger than JavaScript counts. */
export type PlacedEventRow = AuditEventRow & { readonly place: string };

/** The event that a row tells of, in its place; or that it cannot be read. */
export function chainedEventOf(row: PlacedEventRow): ChainedEvent | UnreadableEvent {
  const isPlace = Number.isSafeInteger(row.seq) && row.seq >= 1;
  if (!isPlace || !isReadableTime(row.time)) {
    return { stream: row.stream, place: row.place, sequence: isPlace ? row.seq : undefined, mac: row.mac };
  }
  return { stream: row.stream, sequence: row.seq, previous: row.prev, mac: row.mac, event: auditEventOf(row) };
}

/** The event that a row tells of. */
export function auditEventOf(row: AuditEventRow): AuditEvent {
  return {
    id: row.id,
    time: row.time,
    workspaceId: row.workspaceId ?? null,
    actorKind: row.actorKind,
    actorId: row.actorId ?? null,
    actorName: row.actorName,
    authentication: row.authentication,
    action: row.action,
    resourceKind: row.resourceKind,
    resourceId: row.resourceId ?? null,
    outcome: row.outcome,
    protocol: row.protocol,
    dialect: row.dialect,
    peer: row.peer,
    requestId: row.requestId,
    count: row.count,
    resourceState: row.resourceState ?? null,
  };
}

function rowOf({ stream, sequence, previous, mac, event }: ChainedEvent): AuditEventRow {
  return {
    stream,
    seq: sequence,
    prev: previous,
    mac,
    id: event.id,
    time: event.time,
    workspaceId: event.workspaceId,
    actorKind: event.actorKind,
    actorId: event.actorId,
    actorName: event.actorName,
    authentication: event.authentication,
    action: event.action,
    resourceKind: event.resourceKind,
    resourceId: event.resourceId,
    outcome: event.outcome,
    protocol: event.protocol,
    dialect: event.dialect,
    peer: event.peer,
    requestId: event.requestId,
    count: event.count ?? 1,
    resourceState: event.resourceState ?? null,
  };
}
