import { formatHead, type AuditHead, type ChainedEvent, type UnreadableEvent } from '../vault/audit/audit-chain.ts';
import type { AuditChain } from '../vault/audit/ports.ts';
import type { TrailLoss } from '../vault/audit/trail-loss.ts';
import type { TrailFault, TrailFaultKind } from '../vault/audit/verification.ts';

/** The most events that are kept for finding out what happened to them; of more, no more than that they are not genuine. */
const keptMax = 64;

/** What a stream is checked with. */
export interface StreamCheckParts {
  readonly chain: AuditChain;
  readonly stream: string;
  /** Places of the stream that somebody has seen. */
  readonly marks: readonly AuditHead[];
  /** The last event that was pruned. */
  readonly pruned: AuditHead | undefined;
  /** The ledger tells that the stream began. */
  readonly isKnown: boolean;
  /** What the database lost of the stream, where its loss was acknowledged. */
  readonly acknowledged: readonly TrailLoss[];
  /** An event up to which the stream was verified before: events before it are not taken. */
  readonly verified: AuditHead | undefined;
}

/** Checks the events of one stream, which it takes in their order. */
export class StreamCheck {
  readonly stream: string;
  readonly #parts: StreamCheckParts;
  readonly #marks: Map<number, AuditHead[]>;
  readonly #faults: TrailFault[] = [];
  /** Events that are not genuine where they stand. */
  readonly #failed: ChainedEvent[] = [];
  #failedCount = 0;
  #unreadableCount = 0;
  #previous: { readonly head: AuditHead; readonly isGenuine: boolean };
  #last: AuditHead | undefined;

  constructor(parts: StreamCheckParts) {
    const { chain, marks, pruned, stream, verified } = parts;
    this.stream = stream;
    this.#parts = parts;
    this.#marks = Map.groupBy(marks, ({ sequence }) => sequence);
    const isPruned = (pruned?.sequence ?? 0) >= (verified?.sequence ?? 0);
    const before = { sequence: (verified?.sequence ?? 1) - 1, mac: chain.origin.mac };
    // Of the event before the first one that is taken nothing is known.
    this.#previous = isPruned ? { head: pruned ?? chain.origin, isGenuine: true } : { head: before, isGenuine: false };
  }

  /** The last event that was taken. */
  get last(): AuditHead | undefined {
    return this.#last;
  }

  take(item: ChainedEvent | UnreadableEvent): void {
    if ('place' in item) this.#takeUnreadable(item);
    else this.#takeEvent(item);
  }

  #takeUnreadable({ mac, place, sequence }: UnreadableEvent): void {
    this.#unreadableCount += 1;
    const at = sequence ?? (place.startsWith('-') || place === '0' ? 1 : Number.MAX_SAFE_INTEGER);
    const kind = sequence === undefined ? 'INSERTED' : 'CHANGED';
    const message = `event ${place} cannot be read: no event was written like this`;
    if (this.#unreadableCount <= keptMax) this.#faults.push({ kind, stream: this.stream, sequence: at, message });
    if (sequence === undefined) return;
    if (sequence > this.#previous.head.sequence + 1) this.#tellGap(this.#previous.head.sequence + 1, sequence - 1);
    this.#marks.delete(sequence);
    this.#last = { sequence, mac };
    this.#previous = { head: this.#last, isGenuine: false };
  }

  #takeEvent(chained: ChainedEvent): void {
    const { mac, previous, sequence } = chained;
    const isGenuine = this.#parts.chain.isGenuine(chained);
    const before = this.#previous;
    if (sequence > before.head.sequence + 1) this.#tellGap(before.head.sequence + 1, sequence - 1);
    else if (isGenuine && before.isGenuine && formatMac(previous) !== formatMac(before.head.mac)) {
      this.#tell('CHANGED', sequence, 'does not follow the event before it');
    }
    if (!isGenuine) this.#keep(chained);
    else if (this.#marks.get(sequence)?.some((mark) => formatMac(mark.mac) !== formatMac(mac))) {
      this.#tell('CHANGED', sequence, 'is not the one that was seen there');
    }
    this.#marks.delete(sequence);
    this.#last = { sequence, mac };
    this.#previous = { head: this.#last, isGenuine };
  }

  /** All that is wrong with the stream, in its order. */
  end(): readonly TrailFault[] {
    for (const failed of this.#failed) this.#explain(failed);
    if (this.#failedCount > this.#failed.length) {
      const more = this.#failedCount - this.#failed.length;
      this.#tell('CHANGED', (this.#failed.at(-1)?.sequence ?? 0) + 1, `and ${more} more are not as they were written`);
    }
    if (this.#unreadableCount > keptMax) {
      const message = `${this.#unreadableCount - keptMax} more events cannot be read`;
      this.#faults.push({ kind: 'CHANGED', stream: this.stream, sequence: Number.MAX_SAFE_INTEGER, message });
    }
    if ((this.#last || this.#unreadableCount > 0) && !this.#parts.isKnown) {
      const message = 'the ledger does not know of the stream';
      this.#faults.push({ kind: 'INSERTED', stream: this.stream, sequence: 1, message });
    }
    this.#compareWithPruned();
    this.#tellMissing();
    return this.#faults.toSorted((one, other) => one.sequence - other.sequence);
  }

  #keep(chained: ChainedEvent): void {
    this.#failedCount += 1;
    if (this.#failed.length < keptMax) this.#failed.push(chained);
  }

  /** An event that is not genuine was changed, put in, or moved from another place of the stream. */
  #explain(failed: ChainedEvent): void {
    const { sequence } = failed;
    const from = this.#originOf(failed);
    const isOccupied =
      from !== undefined && !this.#failed.some((other) => other.sequence === from) && this.#isThere(from);
    if (from !== undefined && isOccupied) this.#tell('INSERTED', sequence, `is a copy of event ${from}`);
    else if (from !== undefined) this.#tell('REORDERED', sequence, `is event ${from}, moved`);
    else if (this.#isDisplaced(failed) || sequence > this.#seen()) this.#tell('INSERTED', sequence, 'was put in');
    else this.#tell('CHANGED', sequence, 'is not as it was written');
  }

  /** The place where an event is genuine. */
  #originOf(failed: ChainedEvent): number | undefined {
    const { sequence } = failed;
    const candidates = [sequence - 1, sequence + 1, ...this.#failed.map((other) => other.sequence)];
    const others = this.#isTail(failed)
      ? [...candidates, ...Array.from({ length: keptMax }, (_, back) => sequence - back)]
      : candidates;
    return others.find((place) => place > 0 && place !== sequence && this.#isGenuineAt(failed, place));
  }

  #isGenuineAt(chained: ChainedEvent, sequence: number): boolean {
    return this.#parts.chain.isGenuine({ ...chained, sequence });
  }

  /** Another event, which stands elsewhere, belongs where this one is. */
  #isDisplaced({ sequence }: ChainedEvent): boolean {
    return this.#failed.some((other) => other.sequence !== sequence && this.#isGenuineAt(other, sequence));
  }

  #isTail({ sequence }: ChainedEvent): boolean {
    return sequence === this.#last?.sequence;
  }

  #isThere(sequence: number): boolean {
    return sequence <= (this.#last?.sequence ?? 0);
  }

  /** How far the stream is known to have come. */
  #seen(): number {
    return Math.max(...this.#parts.marks.map(({ sequence }) => sequence), this.#parts.marks.length > 0 ? 0 : Infinity);
  }

  /** Of pruned events the ledger keeps the last: whoever has seen another one there has seen another stream. */
  #compareWithPruned(): void {
    const { pruned } = this.#parts;
    if (!pruned || !this.#marks.get(pruned.sequence)?.some((mark) => formatMac(mark.mac) !== formatMac(pruned.mac)))
      return;
    this.#tell('CHANGED', pruned.sequence, 'was seen as another one before it was pruned');
  }

  #tellMissing(): void {
    const { acknowledged, pruned, verified } = this.#parts;
    const last = this.#last?.sequence ?? Math.max(pruned?.sequence ?? 0, (verified?.sequence ?? 1) - 1);
    const isLost = (sequence: number) =>
      acknowledged.some(({ kept, lost }) => (kept?.sequence ?? 0) === last && sequence <= lost.sequence);
    const beyond = [...this.#marks.keys()].filter((sequence) => sequence > last && !isLost(sequence));
    const isEmpty = !this.#last && !pruned && !verified;
    if (isEmpty && acknowledged.some(({ kept }) => !kept) && beyond.length === 0) return;
    if (isEmpty)
      this.#faults.push({
        kind: 'STREAM_MISSING',
        stream: this.stream,
        sequence: 1,
        message: 'all events of the stream are missing',
      });
    else if (beyond.length > 0) {
      const message = `events ${last + 1} to ${Math.max(...beyond)} are missing at the end`;
      this.#faults.push({ kind: 'TAIL_CUT', stream: this.stream, sequence: last + 1, message });
    }
  }

  #tellGap(first: number, last: number): void {
    const message = first === last ? `event ${first} is missing` : `events ${first} to ${last} are missing`;
    this.#faults.push({ kind: 'REMOVED', stream: this.stream, sequence: first, message });
  }

  #tell(kind: TrailFaultKind, sequence: number, what: string): void {
    this.#faults.push({ kind, stream: this.stream, sequence, message: `event ${sequence} ${what}` });
  }
}

function formatMac(mac: Uint8Array): string {
  return formatHead({ sequence: 0, mac });
}
