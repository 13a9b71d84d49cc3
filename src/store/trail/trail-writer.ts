import { type AuditEvent, systemEvent } from '../../vault/audit/audit-event.ts';
import {
  continuableLines,
  formatHead,
  type AuditHead,
  type LedgerEntry,
  type StreamHead,
} from '../../vault/audit/audit-chain.ts';
import type { AuditChain } from '../../vault/audit/ports.ts';
import type { Clock } from '../../vault/time.ts';
import type { IdSource } from '../../vault/ids.ts';
import { formatLoss, lostEventCount, type TrailLoss } from '../../vault/audit/trail-loss.ts';
import { insertAuditEvents, insertLedgerEntry } from './audit-event-row.ts';
import { findLoss, headOf, readHeads } from './ledger.ts';
import type { Fragment } from '../postgres/statements/statement.ts';
import { findHeadsOfStreams, findLastEvent, findLedger, lockLedger, type HeadRow } from './trail-statements.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';

/** What the trail is written with. */
export interface TrailWriterParts {
  readonly chain: AuditChain;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/**
 * The stream of this process: gives events their places, and knows what of them is durable. Its head moves on only when a
 * transaction has been committed. The stream begins, with a line in the ledger, together with its first event.
 *
 * Events are added only behind the head. Where the database no longer has that, another stream begins, and the ledger and an
 * event name what was lost.
 *
 * @see docs/decisions/0039-events-that-a-failover-loses.md
 */
export class TrailWriter {
  readonly #parts: TrailWriterParts;
  #stream: string;
  #head: AuditHead;
  /** Where the head goes if the transaction that is under way commits. */
  #next: StreamHead | undefined;
  /** The database may lack the head: it is looked for before the next events are added. */
  #isHeadDoubted = false;
  /** What the transaction that is under way has found to be lost. */
  #loss: TrailLoss | undefined;

  constructor(parts: TrailWriterParts) {
    this.#parts = parts;
    this.#stream = parts.ids.next();
    this.#head = parts.chain.origin;
  }

  /** Whoever writes to the stream holds this advisory lock until his transaction ends. */
  get lock(): bigint {
    return BigInt.asIntN(64, BigInt(`0x${this.#stream.slice(-17).replace('-', '')}`));
  }

  /** The last durable event; undefined before the first. */
  head(): StreamHead | undefined {
    return this.#head.sequence === 0 ? undefined : { ...this.#head, stream: this.#stream };
  }

  /** Whether a transaction ended in which it was not told what became of its events. */
  get isInDoubt(): boolean {
    return this.#next !== undefined;
  }

  /** Whether the head has to be looked for, by `findHead`, before the next events are added. */
  get isHeadDoubted(): boolean {
    return this.#isHeadDoubted;
  }

  /** The database may lack the head: to be called where events were refused for that, or a look at the database showed it. */
  doubtHead(): void {
    this.#isHeadDoubted = this.#head.sequence > 0;
  }

  /** Looks for the head, in the transaction that is to add the next events, and holds the lock. */
  async findHead(transaction: Transaction): Promise<void> {
    this.#loss = await findLoss(this.#stream, this.#head, (statement) => transaction.run(statement));
  }

  /** What writes events to the stream, in a transaction that holds the lock. */
  async append(transaction: Transaction, events: readonly AuditEvent[]): Promise<Fragment[]> {
    const loss = this.#loss;
    if (events.length === 0 && !loss) return [];
    const [stream, origin] = loss ? [this.#parts.ids.next(), this.#parts.chain.origin] : [this.#stream, this.#head];
    const beginning = origin.sequence === 0 ? await this.#begin(transaction, stream, loss) : [];
    let head = origin;
    const chained = [...(loss ? [this.#eventOf(loss)] : []), ...events].map((event) => {
      const linked = this.#parts.chain.link(stream, head, event);
      head = linked;
      return linked;
    });
    this.#next = { stream, sequence: head.sequence, mac: head.mac };
    // A head that was pruned or changed is no loss, and nothing to wait for.
    const isChecked = origin.sequence > 0 && !this.#isHeadDoubted;
    return [...beginning, insertAuditEvents(chained, isChecked ? { ...origin, stream } : undefined)];
  }

  /** To be told when the transaction has been committed. */
  committed(): void {
    this.#loss = undefined;
    if (!this.#next) return;
    const { stream, ...head } = this.#next;
    this.#stream = stream;
    this.#head = head;
    this.#next = undefined;
    this.#isHeadDoubted = false;
  }

  /** To be told when the transaction has certainly not been committed. */
  rolledBack(): void {
    this.#next = undefined;
  }

  /** Begins another stream, where somebody else has written to this one. */
  abandon(): void {
    this.#next = undefined;
    this.#loss = undefined;
    this.#isHeadDoubted = false;
    this.#stream = this.#parts.ids.next();
    this.#head = this.#parts.chain.origin;
  }

  /**
   * Finds out whether the transaction in doubt was committed, from one that holds the lock: the other one has ended then.
   *
   * @returns true also where nothing is in doubt
   */
  async settle(transaction: Transaction): Promise<boolean> {
    const next = this.#next;
    const [row] = await transaction.run<HeadRow>(findLastEvent(next?.stream ?? this.#stream));
    const last = row ? headOf(row) : this.#parts.chain.origin;
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

  #eventOf(loss: TrailLoss): AuditEvent {
    const action = { action: 'audit.lose', resourceKind: 'audit_stream', resourceId: loss.stream } as const;
    return { ...systemEvent(this.#parts, action), count: lostEventCount(loss) };
  }

  /** The ledger's line tells all heads that no line has told yet. */
  async #begin(transaction: Transaction, stream: string, loss: TrailLoss | undefined): Promise<Fragment[]> {
    const { chain, clock } = this.#parts;
    await transaction.run(lockLedger);
    const entries = continuableLines(await transaction.run<LedgerEntry>(findLedger));
    const told = new Set(entries.flatMap(({ heads }) => Object.entries(readHeads(heads)).map(String)));
    const rows = await transaction.run<HeadRow>(findHeadsOfStreams);
    const found = rows.map((row) => [row.stream, formatHead(headOf(row))]);
    const heads = JSON.stringify(Object.fromEntries(found.filter((head) => !told.has(String(head)))));
    const time = clock.now();
    const lossLine = loss && { kind: 'loss' as const, stream: loss.stream, time, heads: formatLoss(loss) };
    const lossEntry = lossLine && chain.enter(entries.at(-1), lossLine);
    const entry = chain.enter(lossEntry ?? entries.at(-1), { kind: 'begin', stream, time, heads });
    return [...(lossEntry ? [lossEntry] : []), entry].map(insertLedgerEntry);
  }
}

function isSame(one: AuditHead, other: AuditHead): boolean {
  return formatHead(one) === formatHead(other);
}
