import type { AuditEvent } from './audit-event.ts';

/** The last event of a stream, or where it begins. */
export interface AuditHead {
  /** From 1; 0 where the stream has no event yet. */
  readonly sequence: number;
  /** 32 bytes. */
  readonly mac: Uint8Array;
}

/** An event in its place in a stream: the events of one process, numbered without gaps. */
export interface ChainedEvent {
  readonly stream: string;
  readonly sequence: number;
  /** The MAC of the event before. */
  readonly previous: Uint8Array;
  readonly mac: Uint8Array;
  readonly event: AuditEvent;
}

/** A row of the trail that cannot be read, since it has a number or a time that no event has: somebody else has written it. */
export interface UnreadableEvent {
  readonly stream: string;
  /** Its number in decimal, as it is stored. */
  readonly place: string;
  /** The number, where an event may have it. */
  readonly sequence: number | undefined;
  readonly mac: Uint8Array;
}

/** How far the numbers of two lines of the ledger may be apart: no more lines than that are ever lost. */
const ledgerGapMax = 1_000_000;

/**
 * The lines that the ledger may go on from. Others were put in, with numbers so large that the ledger would soon have none left.
 *
 * @param entries in the order of their numbers
 */
export function continuableLines(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const lines: LedgerEntry[] = [];
  for (const entry of entries) {
    const previous = lines.at(-1)?.number ?? 0;
    if (entry.number > previous && entry.number - previous <= ledgerGapMax) lines.push(entry);
  }
  return lines;
}

/**
 * What the ledger of the trail tells: that a stream began, that its oldest events were pruned, that credentials from before
 * there were MACs on them got theirs, that the rows of a table were signed in a new format, that the database lost the end of a
 * stream, or that an operator acknowledged such a loss.
 */
export type LedgerKind = 'begin' | 'prune' | 'sign' | 'format' | 'loss' | 'acknowledge';

/** A line of the ledger, which holds the streams together: numbered and chained across all processes. */
export interface LedgerEntry {
  /** From 1, without gaps. */
  readonly number: number;
  readonly kind: LedgerKind;
  readonly stream: string;
  readonly time: Date;
  /**
   * Streams as they were found then, as JSON: `{"<stream>":"<head>"}`; for `prune`, the last event that was
   * pruned; for `format`, the table and its format: `{"user":"user/2"}`; for `loss` and `acknowledge`, see `formatLoss`.
   */
  readonly heads: string;
  readonly mac: Uint8Array;
}

/** The head of one stream. */
export interface StreamHead extends AuditHead {
  readonly stream: string;
}

/** A head as it is logged, kept elsewhere and given back for verifying: `1234:9f3a…`. */
export function formatHead({ sequence, mac }: AuditHead): string {
  return `${sequence}:${Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Reads what `formatHead` wrote; undefined for anything else. */
export function parseHead(text: string): AuditHead | undefined {
  const [, sequence = '', hex = ''] = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (hex === '') return undefined;
  const bytes = hex.match(/../g) ?? [];
  return { sequence: Number(sequence), mac: Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16)) };
}
