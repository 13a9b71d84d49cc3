import type { AuditEvent } from './audit-event.ts';

/** The last event of a stream, or its origin. */
export interface AuditHead {
  /** From 1; 0 if the stream has no event yet. */
  readonly sequence: number;
  /** 32 bytes. */
  readonly mac: Uint8Array;
}

/** An event with its position in a stream: the events of one process, numbered without gaps. */
export interface ChainedEvent {
  readonly stream: string;
  readonly sequence: number;
  /** The MAC of the previous event. */
  readonly previous: Uint8Array;
  readonly mac: Uint8Array;
  readonly event: AuditEvent;
}

/** A row of the trail with a number or a time that Coffer never writes: it was written outside of Coffer. */
export interface UnreadableEvent {
  readonly stream: string;
  /** Its number in decimal, as stored. */
  readonly place: string;
  /** The number, if an event can have it. */
  readonly sequence: number | undefined;
  readonly mac: Uint8Array;
}

/** The greatest gap between two entries of the ledger: no more entries than that are ever lost. */
const ledgerGapMax = 1_000_000;

/**
 * The entries that the ledger may continue from. Others were inserted with numbers so large that the ledger would run out of
 * numbers.
 *
 * @param entries in the order of their numbers
 */
export function continuableEntries(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const continuable: LedgerEntry[] = [];
  for (const entry of entries) {
    const previous = continuable.at(-1)?.number ?? 0;
    if (entry.number > previous && entry.number - previous <= ledgerGapMax) continuable.push(entry);
  }
  return continuable;
}

/**
 * What an entry of the ledger records: a stream began, its oldest events were pruned, older credentials got their MACs, the rows
 * of a table were signed in a new format, the database lost the end of a stream, or an operator acknowledged such a loss.
 */
export type LedgerKind = 'begin' | 'prune' | 'sign' | 'format' | 'loss' | 'acknowledge';

/** An entry of the ledger, which links all streams: numbered and chained across all processes. */
export interface LedgerEntry {
  /** From 1, without gaps. */
  readonly number: number;
  readonly kind: LedgerKind;
  readonly stream: string;
  readonly time: Date;
  /**
   * The heads of streams at that time, as JSON: `{"<stream>":"<head>"}`; for `prune`, the last pruned event; for `format`, the
   * table and its format: `{"user":"user/2"}`; for `loss` and `acknowledge`, see `formatLoss`.
   */
  readonly heads: string;
  readonly mac: Uint8Array;
}

/** The head of one stream. */
export interface StreamHead extends AuditHead {
  readonly stream: string;
}

/** Formats a head for the log and for later verifications: `1234:9f3a…`. */
export function formatHead({ sequence, mac }: AuditHead): string {
  return `${sequence}:${Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Parses the result of `formatHead`; undefined for any other text. */
export function parseHead(text: string): AuditHead | undefined {
  const [, sequence = '', hex = ''] = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (hex === '') return undefined;
  const bytes = hex.match(/../g) ?? [];
  return { sequence: Number(sequence), mac: Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16)) };
}
