import type { AuditChain, TrailLossStore } from '../../vault/audit/ports.ts';
import { type LedgerEntry, continuableLines } from '../../vault/audit/audit-chain.ts';
import type { Clock } from '../../vault/time.ts';
import type { IdSource } from '../../vault/ids.ts';
import { systemEvent } from '../../vault/audit/audit-event.ts';
import { formatLoss, lostEventCount, unacknowledgedLosses, type TrailLoss } from '../../vault/audit/trail-loss.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { Database } from '../postgres/database.ts';
import { combine } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { insertLedgerEntry } from '../trail/audit-event-row.ts';
import { findLoss, headOf } from '../trail/ledger.ts';
import type { TrailWriter } from '../trail/trail-writer.ts';
import { findLastEvent, findLedger, findLossLines, lockLedger, type HeadRow } from '../trail/trail-statements.ts';

/** What losses are found and acknowledged with. */
export interface TrailLossStoreParts {
  readonly database: Database;
  readonly commits: CommitQueue;
  readonly trail: TrailWriter;
  readonly chain: AuditChain;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** Lost events, as the ledger and this process's own stream show them. */
export class SqlTrailLossStore implements TrailLossStore {
  readonly #parts: TrailLossStoreParts;

  constructor(parts: TrailLossStoreParts) {
    this.#parts = parts;
  }

  async find(): Promise<readonly TrailLoss[]> {
    const own = await this.#findOwn();
    const isRecorded = own !== undefined && (await this.#record());
    const lines = await this.#parts.database.query<LedgerEntry>(findLossLines);
    const recorded = await this.#stillMissing(unacknowledgedLosses(lines));
    return own && !isRecorded ? [...recorded, own] : recorded;
  }

  async acknowledge(): Promise<readonly TrailLoss[]> {
    return this.#parts.commits.run({}, async (transaction) => {
      await transaction.run(lockLedger);
      const ledger = continuableLines(await transaction.run<LedgerEntry>(findLedger));
      const losses = unacknowledgedLosses(ledger);
      await this.#writeAcknowledgements(transaction, ledger.at(-1), losses);
      return { answer: losses, events: losses.map((loss) => this.#eventOf(loss)) };
    });
  }

  /** The head is read first: the database must hold at least that. */
  async #findOwn(): Promise<TrailLoss | undefined> {
    const head = this.#parts.trail.head();
    return head && findLoss(head.stream, head, (statement) => this.#parts.database.query(statement));
  }

  /** @returns whether the database could be written; then the ledger has what was really lost */
  async #record(): Promise<boolean> {
    this.#parts.trail.doubtHead();
    return this.#parts.commits
      .run({}, async () => ({ answer: undefined, events: [] }))
      .then(
        () => true,
        () => false,
      );
  }

  /** Events are back where the lost server is the primary again. */
  async #stillMissing(losses: readonly TrailLoss[]): Promise<readonly TrailLoss[]> {
    const missing: TrailLoss[] = [];
    for (const loss of losses) {
      const [last] = await this.#parts.database.query<HeadRow>(findLastEvent(loss.stream));
      if (!last || headOf(last).sequence < loss.lost.sequence) missing.push(loss);
    }
    return missing;
  }

  async #writeAcknowledgements(
    transaction: Transaction,
    last: LedgerEntry | undefined,
    losses: readonly TrailLoss[],
  ): Promise<void> {
    let previous = last;
    for (const loss of losses) {
      const line = { kind: 'acknowledge', stream: loss.stream, time: this.#parts.clock.now() } as const;
      previous = this.#parts.chain.enter(previous, { ...line, heads: formatLoss(loss) });
      await transaction.run(combine(insertLedgerEntry(previous)));
    }
  }

  #eventOf(loss: TrailLoss) {
    const action = { action: 'audit.acknowledge_loss', resourceKind: 'audit_stream', resourceId: loss.stream } as const;
    return { ...systemEvent(this.#parts, action), count: lostEventCount(loss) };
  }
}
