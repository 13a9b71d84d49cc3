import type { AuditEvent } from '../../vault/audit-event.ts';
import {
  continuableLines,
  spellHead,
  type AuditChain,
  type AuditHead,
  type LedgerEntry,
  type StreamHead,
} from '../../vault/audit-ports.ts';
import type { Clock, IdSource } from '../../vault/ports.ts';
import { insertAuditEvents, insertLedgerEntry } from './audit-event-row.ts';
import { headOf, readHeads } from './ledger-heads.ts';
import type { Fragment } from '../connection/statement.ts';
import { findHeadsOfStreams, findLastEvent, findLedger, lockLedger, type HeadRow } from './trail-statements.ts';
import type { Transaction } from '../connection/transaction.ts';

/** What the trail is written with. */
export interface TrailWriterParts {
  readonly chain: AuditChain;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/**
 * The stream of this process: gives events their places, and knows what of them is durable. Its head moves on only when a
 * transaction has been committed. The stream begins, with a line in the ledger, together with its first event.
 */
export class TrailWriter {
  readonly #parts: TrailWriterParts;
  #stream: string;
  #head: AuditHead;
  /** Where the head goes if the transaction that is under way commits. */
  #next: AuditHead | undefined;

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

  /** What writes events to the stream, in a transaction that holds the lock. */
  async append(transaction: Transaction, events: readonly AuditEvent[]): Promise<Fragment[]> {
    if (events.length === 0) return [];
    const beginning = this.#head.sequence === 0 ? await this.#begin(transaction) : [];
    let head = this.#head;
    const chained = events.map((event) => {
      const linked = this.#parts.chain.link(this.#stream, head, event);
      head = linked;
      return linked;
    });
    this.#next = { sequence: head.sequence, mac: head.mac };
    return [...beginning, insertAuditEvents(chained)];
  }

  /** To be told when the transaction has been committed. */
  committed(): void {
    this.#head = this.#next ?? this.#head;
    this.#next = undefined;
  }

  /** To be told when the transaction has certainly not been committed. */
  rolledBack(): void {
    this.#next = undefined;
  }

  /** Begins another stream, where somebody else has written to this one. */
  abandon(): void {
    this.#next = undefined;
    this.#stream = this.#parts.ids.next();
    this.#head = this.#parts.chain.origin;
  }

  /**
   * Finds out whether the transaction in doubt was committed, from one that holds the lock: the other one has ended then.
   *
   * @returns true also where nothing is in doubt
   */
  async settle(transaction: Transaction): Promise<boolean> {
    const [row] = await transaction.run<HeadRow>(findLastEvent(this.#stream));
    const last = row ? headOf(row) : this.#parts.chain.origin;
    if (this.#next === undefined || isSame(last, this.#next)) {
      this.committed();
      return true;
    }
    if (isSame(last, this.#head)) this.rolledBack();
    else this.abandon();
    return false;
  }

  /** The ledger's line tells all heads that no line has told yet. */
  async #begin(transaction: Transaction): Promise<Fragment[]> {
    const { chain, clock } = this.#parts;
    await transaction.run(lockLedger);
    const entries = continuableLines(await transaction.run<LedgerEntry>(findLedger));
    const told = new Set(entries.flatMap(({ heads }) => Object.entries(readHeads(heads)).map(String)));
    const rows = await transaction.run<HeadRow>(findHeadsOfStreams);
    const found = rows.map((row) => [row.stream, spellHead(headOf(row))]);
    const heads = JSON.stringify(Object.fromEntries(found.filter((head) => !told.has(String(head)))));
    const line = { kind: 'begin', stream: this.#stream, time: clock.now(), heads } as const;
    return [insertLedgerEntry(chain.enter(entries.at(-1), line))];
  }
}

function isSame(one: AuditHead, other: AuditHead): boolean {
  return spellHead(one) === spellHead(other);
}
