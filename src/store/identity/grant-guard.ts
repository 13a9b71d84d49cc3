import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';

/** A table whose rows grant something. */
export interface GrantTable<Row> {
  readonly name: string;
  /** Names the format under the MAC, so that no row of one format is taken for one of another: `user/2`. */
  readonly label: string;
  /** Everything of the row that grants, in a fixed order. Another order or format invalidates all stored rows. */
  readonly fields: (row: Row) => readonly (string | Uint8Array | null)[];
  /** Names the row in the log. */
  readonly id: (row: Row) => string;
}

/** The MAC of a row that was read; none in what somebody else has put in. */
export interface Signed {
  readonly mac?: Uint8Array | null | undefined;
}

/** Whether the MAC of a row that was read is that of its fields. */
export function hasGenuineMac<Row extends Signed>(
  mac: GrantMac,
  table: GrantTable<Omit<Row, 'mac'>>,
  row: Row,
): boolean {
  return row.mac instanceof Uint8Array && mac.verify(table.label, table.fields(row), row.mac);
}

/** Signs rows that grant something, and lets none pass whose MAC is not that of its fields. */
export class GrantGuard {
  readonly #mac: GrantMac;
  readonly #log: StoreLog;

  constructor(mac: GrantMac, log: StoreLog) {
    this.#mac = mac;
    this.#log = log;
  }

  /** The row with its MAC, for writing it. */
  sign<Row>(table: GrantTable<Row>, row: Row): Row & { readonly mac: Uint8Array } {
    return { ...row, mac: this.#mac.compute(table.label, table.fields(row)) };
  }

  /** Whether the MAC of a row that was read is right; a wrong one is logged. */
  isGenuine<Row extends Signed>(table: GrantTable<Omit<Row, 'mac'>>, row: Row): boolean {
    if (hasGenuineMac(this.#mac, table, row)) return true;
    const fields = { table: table.name, id: table.id(row) };
    this.#log.error(fields, 'a row that grants access fails its MAC: it grants nothing');
    return false;
  }
}

/** How much of a row's MAC an event keeps: enough that two are never equal by chance. */
const recordedBytes = 16;

/** A row's MAC as events record it: its first half, in hex. */
export function formatMacPrefix({ buffer, byteLength, byteOffset }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, Math.min(recordedBytes, byteLength)).toString('hex');
}

/**
 * The event with the state of a user or a membership that it ends, so that the trail reveals a row that is restored to it.
 *
 * @param former the genuine row until then, whose MAC never recurs; undefined where there was none
 */
export function recordPriorState(event: AuditEvent, former: { readonly mac: Uint8Array } | undefined): AuditEvent {
  return former ? { ...event, resourceState: formatMacPrefix(former.mac) } : event;
}

/** How a truth value is written under the MAC. */
export function flag(value: boolean): string {
  return value ? 'true' : 'false';
}

/** How a time is written under the MAC: to the millisecond, as it is stored. No signed row has one that a date cannot hold. */
export function instant(time: Date | null | undefined): string | null {
  if (!time) return null;
  return Number.isNaN(time.getTime()) ? 'unreadable' : time.toISOString();
}
