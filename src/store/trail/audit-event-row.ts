import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { ChainedEvent, StreamHead, UnreadableEvent } from '../../vault/audit/audit-chain.ts';
import type { InferEntity } from '@mikro-orm/postgresql';
import type { AuditEventEntity } from '../entities/audit.ts';
import { sqlStateOf } from '../postgres/connect/database-failure.ts';
import { isReadableTime } from '../postgres/statements/column-readers.ts';
import { insertRows, type Fragment } from '../postgres/statements/statement.ts';

/** A row of `audit_event` as it is read. */
export type AuditEventRow = InferEntity<typeof AuditEventEntity>;

/** The columns of an event with their SQL types, in the order in which they are written and read. */
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

/** The invalid boolean that PostgreSQL quotes in its error if the preceding event is missing. */
const missingPredecessor = 'the event before these is missing';

/**
 * Appends events to the trail. Every create and reveal runs this, as one prepared statement whose text does not depend on
 * the number of events (`npm run bench -- --only rest`, REST create and REST reveal).
 *
 * @param previous the event that must exist for them to be appended; undefined appends them unconditionally
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

/** Whether the database refused events because the preceding one is missing. */
export function isPredecessorMissing(error: unknown): boolean {
  return error instanceof Error && sqlStateOf(error) === '22P02' && error.message.includes(missingPredecessor);
}

/** A row with its number in decimal as well: a tampered one may exceed the safe integers of JavaScript. */
export type NumberedEventRow = AuditEventRow & { readonly place: string };

/** The event in a row with its position in the stream; without its fields if the number or the time is out of range. */
export function chainedEventOf(row: NumberedEventRow): ChainedEvent | UnreadableEvent {
  const isNumber = Number.isSafeInteger(row.seq) && row.seq >= 1;
  if (!isNumber || !isReadableTime(row.time)) {
    return { stream: row.stream, place: row.place, sequence: isNumber ? row.seq : undefined, mac: row.mac };
  }
  return { stream: row.stream, sequence: row.seq, previous: row.prev, mac: row.mac, event: auditEventOf(row) };
}

/** The event in a row. */
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
