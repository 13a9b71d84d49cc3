import assert from 'node:assert/strict';
import { auditEventDetails, type AuditEvent } from '../vault/audit/audit-event.ts';
import { timingSafeEqual } from 'node:crypto';
import type { AuditChain, AuditMac } from '../vault/audit/ports.ts';
import type { AuditHead, ChainedEvent, LedgerEntry } from '../vault/audit/audit-chain.ts';

const macBytes = 32;
const nothingBefore = new Uint8Array(macBytes);

/**
 * `AuditChain` by a keyed MAC over each event in its position: the stream, its number, the previous MAC and all its fields.
 *
 * @see docs/decisions/0013-the-trail-as-a-chain.md
 */
export class KeyedAuditChain implements AuditChain {
  readonly origin: AuditHead = { sequence: 0, mac: nothingBefore };
  readonly #mac: AuditMac;

  constructor(mac: AuditMac) {
    this.#mac = mac;
  }

  link(stream: string, head: AuditHead, event: AuditEvent): ChainedEvent {
    const place = { stream, sequence: head.sequence + 1, previous: head.mac, event };
    return { ...place, mac: this.#macOf(place) };
  }

  isGenuine(chained: ChainedEvent): boolean {
    if (!Number.isSafeInteger(chained.sequence) || !isReadable(chained.event.time)) return false;
    return isEqual(this.#macOf(chained), chained.mac);
  }

  enter(previous: LedgerEntry | undefined, line: Pick<LedgerEntry, 'kind' | 'stream' | 'time' | 'heads'>): LedgerEntry {
    const entry = { ...line, number: (previous?.number ?? 0) + 1 };
    return { ...entry, mac: this.#macOfEntry(previous, entry) };
  }

  follows(previous: LedgerEntry | undefined, entry: LedgerEntry): boolean {
    return isReadable(entry.time) && isEqual(this.#macOfEntry(previous, entry), entry.mac);
  }

  #macOf({ stream, sequence, previous, event }: Omit<ChainedEvent, 'mac'>): Uint8Array {
    assert(Number.isSafeInteger(sequence), 'events are counted');
    const place: readonly (string | Uint8Array | null)[] = ['event', stream, String(sequence), previous];
    return this.#mac.compute(place.concat(fieldsOf(event)));
  }

  #macOfEntry(previous: LedgerEntry | undefined, entry: Omit<LedgerEntry, 'mac'>): Uint8Array {
    const { number, kind, stream, time, heads } = entry;
    const before = previous?.mac ?? nothingBefore;
    return this.#mac.compute(['ledger', String(number), kind, stream, time.toISOString(), heads, before]);
  }
}

/** PostgreSQL has times that a Date cannot represent; Coffer never writes one. */
function isReadable(time: Date): boolean {
  return !Number.isNaN(time.getTime());
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** All fields of an event in a fixed order. A change of the order or of the format would invalidate all stored events. */
export function fieldsOf(event: AuditEvent): readonly (string | null)[] {
  const fields = [
    event.id,
    event.time.toISOString(),
    event.workspaceId,
    event.actorKind,
    event.actorId,
    event.actorName,
    event.authentication,
    event.action,
    event.resourceKind,
    event.resourceId,
    event.outcome,
    event.protocol,
    event.dialect,
    event.peer,
    event.requestId,
    String(event.count ?? 1),
  ];
  const details = serializeDetails(event);
  // Only if present, so that earlier events keep their MACs. The number of fields shows which of the two is there.
  if (details !== undefined) fields.push(event.resourceState ?? null, details);
  else if (typeof event.resourceState === 'string') fields.push(event.resourceState);
  return fields;
}

/** The details that are set, as one object in JSON; undefined if there are none. Names are those of the properties. */
function serializeDetails(event: AuditEvent): string | undefined {
  let details: Record<string, string | number> | undefined;
  for (const name of auditEventDetails) {
    const value = event[name] ?? null;
    if (value !== null) (details ??= {})[name] = value;
  }
  return details && JSON.stringify(details);
}
