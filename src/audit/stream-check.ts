import { formatHead, type AuditHead, type ChainedEvent, type UnreadableEvent } from '../vault/audit/audit-chain.ts';
import type { AuditChain } from '../vault/audit/ports.ts';
import type { TrailLoss } from '../vault/audit/trail-loss.ts';
import type { TrailFault, TrailFaultKind } from '../vault/audit/verification.ts';

/** The most invalid events that are explained; further ones are only counted. */
const keptMax = 64;

export interface StreamCheckParts {
  readonly chain: AuditChain;
  readonly stream: string;
  /** Heads of the stream that were recorded at some time. */
  readonly marks: readonly AuditHead[];
  /** The last pruned event. */
  readonly pruned: AuditHead | undefined;
  /** Whether the ledger records the beginning of the stream. */
  readonly isKnown: boolean;
  /** The acknowledged losses of the stream. */
  readonly acknowledged: readonly TrailLoss[];
  /** The event up to which the stream has been verified: events before it are skipped. */
  readonly verified: AuditHead | undefined;
}

/** Checks the events of one stream in their order. */
export class StreamCheck {
  readonly stream: string;
  readonly #parts: StreamCheckParts;
  readonly #marks: Map<number, AuditHead[]>;
  readonly #faults: TrailFault[] = [];
  /** Events whose MAC is invalid in their position. */
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
    // Nothing is known about the event before the first one.
    this.#previous = isPruned ? { head: pruned ?? chain.origin, isGenuine: true } : { head: before, isGenuine: false };
  }

  /** The last event. */
  get last(): AuditHead | undefined {
    return this.#last;
  }

  add(item: ChainedEvent | UnreadableEvent): void {
    if ('place' in item) this.#addUnreadable(item);
    else this.#addEvent(item);
  }

  #addUnreadable({ mac, place, sequence }: UnreadableEvent): void {
    this.#unreadableCount += 1;
    const at = sequence ?? (place.startsWith('-') || place === '0' ? 1 : Number.MAX_SAFE_INTEGER);
    const kind = sequence === undefined ? 'INSERTED' : 'CHANGED';
    const message = `event ${place} cannot be read: it was not written by Coffer`;
    if (this.#unreadableCount <= keptMax) this.#faults.push({ kind, stream: this.stream, sequence: at, message });
    if (sequence === undefined) return;
    if (sequence > this.#previous.head.sequence + 1) this.#reportGap(this.#previous.head.sequence + 1, sequence - 1);
    this.#marks.delete(sequence);
    this.#last = { sequence, mac };
    this.#previous = { head: this.#last, isGenuine: false };
  }

  #addEvent(chained: ChainedEvent): void {
    const { mac, previous, sequence } = chained;
    const isGenuine = this.#parts.chain.isGenuine(chained);
    const before = this.#previous;
    if (sequence > before.head.sequence + 1) this.#reportGap(before.head.sequence + 1, sequence - 1);
    else if (isGenuine && before.isGenuine && formatMac(previous) !== formatMac(before.head.mac)) {
      this.#report('CHANGED', sequence, 'does not follow the event before it');
    }
    if (!isGenuine) this.#keep(chained);
    else if (this.#marks.get(sequence)?.some((mark) => formatMac(mark.mac) !== formatMac(mac))) {
      this.#report('CHANGED', sequence, 'differs from the event that was recorded there');
    }
    this.#marks.delete(sequence);
    this.#last = { sequence, mac };
    this.#previous = { head: this.#last, isGenuine };
  }

  /** Ends the check; returns the faults in the order of the stream. */
  end(): readonly TrailFault[] {
    for (const failed of this.#failed) this.#explain(failed);
    if (this.#failedCount > this.#failed.length) {
      const more = this.#failedCount - this.#failed.length;
      this.#report('CHANGED', (this.#failed.at(-1)?.sequence ?? 0) + 1, `and ${more} more were changed`);
    }
    if (this.#unreadableCount > keptMax) {
      const message = `${this.#unreadableCount - keptMax} more events cannot be read`;
      this.#faults.push({ kind: 'CHANGED', stream: this.stream, sequence: Number.MAX_SAFE_INTEGER, message });
    }
    if ((this.#last || this.#unreadableCount > 0) && !this.#parts.isKnown) {
      const message = 'the ledger does not contain the stream';
      this.#faults.push({ kind: 'INSERTED', stream: this.stream, sequence: 1, message });
    }
    this.#compareWithPruned();
    this.#reportMissing();
    return this.#faults.toSorted((one, other) => one.sequence - other.sequence);
  }

  #keep(chained: ChainedEvent): void {
    this.#failedCount += 1;
    if (this.#failed.length < keptMax) this.#failed.push(chained);
  }

  /** An invalid event was changed, inserted, or moved from another position of the stream. */
  #explain(failed: ChainedEvent): void {
    const { sequence } = failed;
    const from = this.#originOf(failed);
    const isOccupied =
      from !== undefined && !this.#failed.some((other) => other.sequence === from) && this.#isThere(from);
    if (from !== undefined && isOccupied) this.#report('INSERTED', sequence, `is a copy of event ${from}`);
    else if (from !== undefined) this.#report('REORDERED', sequence, `is event ${from}, moved`);
    else if (this.#isDisplaced(failed) || sequence > this.#seen()) this.#report('INSERTED', sequence, 'was inserted');
    else this.#report('CHANGED', sequence, 'was changed');
  }

  /** The position in which an event is valid. */
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

  /** Whether another event, now in another position, belongs to the position of this one. */
  #isDisplaced({ sequence }: ChainedEvent): boolean {
    return this.#failed.some((other) => other.sequence !== sequence && this.#isGenuineAt(other, sequence));
  }

  #isTail({ sequence }: ChainedEvent): boolean {
    return sequence === this.#last?.sequence;
  }

  #isThere(sequence: number): boolean {
    return sequence <= (this.#last?.sequence ?? 0);
  }

  /** The highest number that the stream is known to have reached. */
  #seen(): number {
    return Math.max(...this.#parts.marks.map(({ sequence }) => sequence), this.#parts.marks.length > 0 ? 0 : Infinity);
  }

  /** The ledger keeps the last pruned event: a recorded head with another MAC belongs to another stream. */
  #compareWithPruned(): void {
    const { pruned } = this.#parts;
    if (!pruned || !this.#marks.get(pruned.sequence)?.some((mark) => formatMac(mark.mac) !== formatMac(pruned.mac)))
      return;
    this.#report('CHANGED', pruned.sequence, 'differs from the event that was recorded before it was pruned');
  }

  #reportMissing(): void {
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

  #reportGap(first: number, last: number): void {
    const message = first === last ? `event ${first} is missing` : `events ${first} to ${last} are missing`;
    this.#faults.push({ kind: 'REMOVED', stream: this.stream, sequence: first, message });
  }

  #report(kind: TrailFaultKind, sequence: number, what: string): void {
    this.#faults.push({ kind, stream: this.stream, sequence, message: `event ${sequence} ${what}` });
  }
}

function formatMac(mac: Uint8Array): string {
  return formatHead({ sequence: 0, mac });
}
