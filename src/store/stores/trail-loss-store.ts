import type { AuditChain, TrailLossStore } from '../../vault/audit/ports.ts';
import type { LedgerEntry, StreamHead } from '../../vault/audit/audit-chain.ts';
import type { Clock } from '../../vault/time.ts';
import type { IdSource } from '../../vault/ids.ts';
import { formatLoss, unacknowledgedLosses, type TrailLoss } from '../../vault/audit/trail-loss.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { Database } from '../postgres/database.ts';
import { findLoss, LockedLedger, lossEvent } from '../trail/ledger.ts';
import type { TrailWriter } from '../trail/trail-writer.ts';
import { findLastEvent, findLossLines } from '../trail/trail-statements.ts';

/** The dependencies of a trail loss store. */
export interface TrailLossStoreParts {
  readonly database: Database;
  readonly commits: CommitQueue;
  readonly trail: TrailWriter;
  readonly chain: AuditChain;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** Lost events, found in the ledger and at the end of this process's stream. */
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
    const { chain, clock, commits } = this.#parts;
    return commits.run({}, async (transaction) => {
      const ledger = await LockedLedger.open(transaction, chain);
      const losses = unacknowledgedLosses(ledger.lines);
      for (const loss of losses) {
        const heads = formatLoss(loss);
        await ledger.append({ kind: 'acknowledge', stream: loss.stream, time: clock.now(), heads });
      }
      const events = losses.map((loss) => lossEvent(this.#parts, 'audit.acknowledge_loss', loss));
      return { answer: losses, events };
    });
  }

  /** The head is read before the database, which must have at least that event. */
  async #findOwn(): Promise<TrailLoss | undefined> {
    const head = this.#parts.trail.head();
    return head && findLoss(head.stream, head, (statement) => this.#parts.database.query(statement));
  }

  /** @returns whether the database could be written: the ledger has the actual loss then */
  async #record(): Promise<boolean> {
    this.#parts.trail.doubtHead();
    return this.#parts.commits
      .run({}, async () => ({ answer: undefined, events: [] }))
      .then(
        () => true,
        () => false,
      );
  }

  /** Lost events reappear when the lost server becomes the primary again. */
  async #stillMissing(losses: readonly TrailLoss[]): Promise<readonly TrailLoss[]> {
    const missing: TrailLoss[] = [];
    for (const loss of losses) {
      const [last] = await this.#parts.database.query<StreamHead>(findLastEvent(loss.stream));
      if (!last || last.sequence < loss.lost.sequence) missing.push(loss);
    }
    return missing;
  }
}
