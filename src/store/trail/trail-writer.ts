import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { formatHead, type AuditHead, type StreamHead } from '../../vault/audit/audit-chain.ts';
import type { AuditChain } from '../../vault/audit/ports.ts';
import type { Clock } from '../../vault/time.ts';
import type { IdSource } from '../../vault/ids.ts';
import { formatLoss, type TrailLoss } from '../../vault/audit/trail-loss.ts';
import { insertAuditEvents } from './audit-event-row.ts';
import { findLoss, LockedLedger, lossEvent, readHeads } from './ledger.ts';
import type { Fragment } from '../postgres/statements/statement.ts';
import { findHeadsOfStreams, findLastEvent } from './trail-statements.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';

/** The dependencies of a trail writer. */
export interface TrailWriterParts {
  readonly chain: AuditChain;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/**
 * Writes the stream of this process: it numbers and chains events, and keeps track of which are durable. The head advances only
 * when a transaction was committed. A stream begins with a ledger line, in the transaction of its first event.
 *
 * Events are appended only if the database still has the head. Otherwise a new stream begins, and the ledger and an event record
 * the loss.
 *
 * @see docs/decisions/0039-events-that-a-failover-loses.md
 */
export class TrailWriter {
  readonly #parts: TrailWriterParts;
  #stream: string;
  #head: AuditHead;
  /** The head after the current transaction, if it commits. */
  #next: StreamHead | undefined;
  /** The database may have lost the head: it is looked up before the next events are appended. */
  #isHeadDoubted = false;
  /** The loss that the current transaction has found. */
  #loss: TrailLoss | undefined;
  /** The greatest id of an event of this process. */
  #lastId = '';

  constructor(parts: TrailWriterParts) {
    this.#parts = parts;
    this.#stream = parts.ids.next();
    this.#head = parts.chain.origin;
  }

  /** The advisory lock that a transaction which writes to the stream holds until it ends. */
  get lock(): bigint {
    return BigInt.asIntN(64, BigInt(`0x${this.#stream.slice(-17).replace('-', '')}`));
  }

  /** The last durable event; undefined before the first. */
  head(): StreamHead | undefined {
    return this.#head.sequence === 0 ? undefined : { ...this.#head, stream: this.#stream };
  }

  /** Whether the outcome of the last transaction is unknown. */
  get isInDoubt(): boolean {
    return this.#next !== undefined;
  }

  /** Whether `findHead` has to be called before the next events are appended. */
  get isHeadDoubted(): boolean {
    return this.#isHeadDoubted;
  }

  /** To be called when the database may have lost the head: it refused events for that reason, or a look-up did not find it. */
  doubtHead(): void {
    this.#isHeadDoubted = this.#head.sequence > 0;
  }

  /** Looks up the head, in the transaction that appends the next events and holds the lock. */
  async findHead(transaction: Transaction): Promise<void> {
    this.#loss = await findLoss(this.#stream, this.#head, (statement) => transaction.run(statement));
  }

  /** The statements that append events to the stream, in a transaction that holds the lock. */
  async append(transaction: Transaction, events: readonly AuditEvent[]): Promise<Fragment[]> {
    const loss = this.#loss;
    if (events.length === 0 && !loss) return [];
    const [stream, origin] = loss ? [this.#parts.ids.next(), this.#parts.chain.origin] : [this.#stream, this.#head];
    const beginning = origin.sequence === 0 ? await this.#begin(transaction, stream, loss) : [];
    let head = origin;
    const chained = [...(loss ? [lossEvent(this.#parts, 'audit.lose', loss)] : []), ...events].map((event) => {
      const linked = this.#parts.chain.link(stream, head, this.#withRisingId(event));
      head = linked;
      return linked;
    });
    this.#next = { stream, sequence: head.sequence, mac: head.mac };
    // A head in doubt that was pruned or tampered with is no loss, and must not block the stream.
    const isChecked = origin.sequence > 0 && !this.#isHeadDoubted;
    return [...beginning, insertAuditEvents(chained, isChecked ? { ...origin, stream } : undefined)];
  }

  /**
   * Within a stream, the id of an event of a credential is greater than those of all earlier events, so that a watch, which reads
   * in the order of ids, reads each stream in its own order. An id is usually drawn in the transaction; others are replaced.
   */
  #withRisingId(event: AuditEvent): AuditEvent {
    const isLate = event.id <= this.#lastId && event.resourceKind === 'credential';
    const written = isLate ? { ...event, id: this.#parts.ids.next() } : event;
    if (written.id > this.#lastId) this.#lastId = written.id;
    return written;
  }

  /** To be called when the transaction was committed. */
  committed(): void {
    this.#loss = undefined;
    if (!this.#next) return;
    const { stream, ...head } = this.#next;
    this.#stream = stream;
    this.#head = head;
    this.#next = undefined;
    this.#isHeadDoubted = false;
  }

  /** To be called when the transaction was certainly not committed. */
  rolledBack(): void {
    this.#next = undefined;
  }

  /** Begins a new stream, because another writer has used this one. */
  abandon(): void {
    this.#next = undefined;
    this.#loss = undefined;
    this.#isHeadDoubted = false;
    this.#stream = this.#parts.ids.next();
    this.#head = this.#parts.chain.origin;
  }

  /**
   * Finds out whether the transaction in doubt was committed. The transaction given holds the lock, so the other one has ended.
   *
   * @returns true also if no transaction is in doubt
   */
  async settle(transaction: Transaction): Promise<boolean> {
    const next = this.#next;
    const [row] = await transaction.run<StreamHead>(findLastEvent(next?.stream ?? this.#stream));
    const last: AuditHead = row ?? this.#parts.chain.origin;
    if (next === undefined || isSame(last, next)) {
      this.committed();
      return true;
    }
    if (next.stream !== this.#stream || isSame(last, this.#head)) {
      this.rolledBack();
    } else if (last.sequence < this.#head.sequence) {
      this.rolledBack();
      this.doubtHead();
    } else {
      this.abandon();
    }
    return false;
  }

  /** The ledger line records all heads that no earlier line has recorded. */
  async #begin(transaction: Transaction, stream: string, loss: TrailLoss | undefined): Promise<Fragment[]> {
    const { chain, clock } = this.#parts;
    const ledger = await LockedLedger.open(transaction, chain);
    const recorded = new Set(ledger.lines.flatMap((line) => Object.entries(readHeads(line.heads)).map(String)));
    const found = await transaction.run<StreamHead>(findHeadsOfStreams);
    const unrecorded = found
      .map((head) => [head.stream, formatHead(head)])
      .filter((entry) => !recorded.has(String(entry)));
    const heads = JSON.stringify(Object.fromEntries(unrecorded));
    const time = clock.now();
    const lossLine = loss && ledger.enter({ kind: 'loss', stream: loss.stream, time, heads: formatLoss(loss) });
    return [...(lossLine ? [lossLine] : []), ledger.enter({ kind: 'begin', stream, time, heads })];
  }
}

function isSame(one: AuditHead, other: AuditHead): boolean {
  return formatHead(one) === formatHead(other);
}
