import { auditEventDetails, type AuditEvent } from '../../vault/audit/audit-event.ts';
import type { ChainedEvent, StreamHead, UnreadableEvent } from '../../vault/audit/audit-chain.ts';
import type { InferEntity } from '@mikro-orm/postgresql';
import type { AuditEventEntity } from '../entities/audit.ts';
import { sqlStateOf } from '../postgres/connect/database-failure.ts';
import { isReadableTime } from '../postgres/statements/column-readers.ts';
import { insertItems, type Fragment, type WrittenColumn } from '../postgres/statements/statement.ts';

/** A row of `audit_event` as it is read. */
export type AuditEventRow = InferEntity<typeof AuditEventEntity>;

type Column = Omit<WrittenColumn<ChainedEvent>, 'property'>;

/** The columns of an event in the order in which they are written and read. */
const columns = {
  stream: { type: 'uuid', valueOf: ({ stream }) => stream },
  seq: { type: 'bigint', valueOf: ({ sequence }) => sequence },
  prev: { type: 'bytea', valueOf: ({ previous }) => previous },
  mac: { type: 'bytea', valueOf: ({ mac }) => mac },
  id: { type: 'uuid', valueOf: ({ event }) => event.id },
  time: { type: 'timestamptz', valueOf: ({ event }) => event.time },
  workspaceId: { type: 'uuid', valueOf: ({ event }) => event.workspaceId },
  actorKind: { type: 'text', valueOf: ({ event }) => event.actorKind },
  actorId: { type: 'text', valueOf: ({ event }) => event.actorId },
  actorName: { type: 'text', valueOf: ({ event }) => event.actorName },
  authentication: { type: 'text', valueOf: ({ event }) => event.authentication },
  action: { type: 'text', valueOf: ({ event }) => event.action },
  resourceKind: { type: 'text', valueOf: ({ event }) => event.resourceKind },
  resourceId: { type: 'text', valueOf: ({ event }) => event.resourceId },
  outcome: { type: 'text', valueOf: ({ event }) => event.outcome },
  protocol: { type: 'text', valueOf: ({ event }) => event.protocol },
  dialect: { type: 'text', valueOf: ({ event }) => event.dialect },
  peer: { type: 'text', valueOf: ({ event }) => event.peer },
  requestId: { type: 'text', valueOf: ({ event }) => event.requestId },
  count: { type: 'int', valueOf: ({ event }) => event.count ?? 1 },
  resourceState: { type: 'text', valueOf: ({ event }) => event.resourceState },
  purpose: { type: 'text', valueOf: ({ event }) => event.purpose },
  version: { type: 'int', valueOf: ({ event }) => event.version },
  field: { type: 'text', valueOf: ({ event }) => event.field },
  permission: { type: 'text', valueOf: ({ event }) => event.permission },
  relatedId: { type: 'text', valueOf: ({ event }) => event.relatedId },
  days: { type: 'int', valueOf: ({ event }) => event.days },
  formerScope: { type: 'text', valueOf: ({ event }) => event.formerScope },
} as const satisfies Record<keyof AuditEventRow & string, Column>;

/** The properties of an event, in the order of its columns. */
export const auditEventProperties = Object.keys(columns);

/** The details that each statement writes. */
const details: readonly ReadonlySet<string>[] = [new Set(), new Set(['version']), new Set(auditEventDetails)];

/**
 * The columns that each statement writes. Most events have no details or only a version, and a column of nulls costs as much as one
 * of texts.
 */
const written = details.map((names) => {
  const omitted: ReadonlySet<string> = new Set(auditEventDetails.filter((name) => !names.has(name)));
  const entries = Object.entries<Column>(columns).filter(([property]) => !omitted.has(property));
  return entries.map(([property, { type, valueOf }]) => ({ property, type, valueOf }));
});

/** The invalid boolean that PostgreSQL quotes in its error if the preceding event is missing. */
const missingPredecessor = 'the event before these is missing';

/**
 * Appends events to the trail. Every create and reveal runs this, as one of few prepared statements, whose texts do not depend on
 * the number of events (`npm run bench -- --only rest`, REST create and REST reveal).
 *
 * @param previous the event that must exist for them to be appended; undefined appends them unconditionally
 */
export function insertAuditEvents(chained: readonly ChainedEvent[], previous?: StreamHead): Fragment {
  const shape = shapeFor(chained);
  const inserted = insertItems('audit_event', written[shape] ?? [], chained);
  const insert = { ...inserted, name: `${inserted.name}${shape === 0 ? '' : shape}` };
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
    purpose: row.purpose ?? null,
    version: row.version ?? null,
    field: row.field ?? null,
    permission: row.permission ?? null,
    relatedId: row.relatedId ?? null,
    days: row.days ?? null,
    formerScope: row.formerScope ?? null,
  };
}

/** The place in `details` of the fewest that include those of all events. */
function shapeFor(chained: readonly ChainedEvent[]): number {
  const needed = auditEventDetails.filter((name) => chained.some(({ event }) => (event[name] ?? null) !== null));
  return details.findIndex((names) => needed.every((name) => names.has(name)));
}
