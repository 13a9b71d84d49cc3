import type { Logger } from 'pino';
import { describeLoss, lostEventCount, type TrailLoss } from '../vault/audit/trail-loss.ts';
import type { TrailLossStore } from '../vault/audit/ports.ts';

const checkEveryMs = 1_000;
const logEveryMs = 60_000;

/** What lost events are watched with. */
export interface TrailLossWatchParts {
  readonly losses: Pick<TrailLossStore, 'find'>;
  readonly log: Pick<Logger, 'error' | 'info'>;
}

/**
 * Looks each second whether the database has lost committed events of the audit trail, and logs an error at once and each
 * minute until an operator acknowledges the loss.
 */
export class TrailLossWatch {
  readonly #parts: TrailLossWatchParts;
  #losses: readonly TrailLoss[] = [];
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(parts: TrailLossWatchParts) {
    this.#parts = parts;
  }

  /** The number of events that are lost and not acknowledged, as of the last look. */
  get lostEvents(): number {
    return this.#losses.reduce((sum, loss) => sum + lostEventCount(loss), 0);
  }

  /** What is lost, for an operator. */
  warnings(): readonly string[] {
    return this.#losses.map(
      (loss) => `lost ${describeLoss(loss)} of the audit trail: see coffer audit-acknowledge-loss`,
    );
  }

  /** Resolves after the first look; from then on it looks until `stop`. */
  async start(): Promise<void> {
    await this.#look();
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), checkEveryMs).unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    try {
      this.#tell(await this.#parts.losses.find());
    } catch {
      // Readiness reports a database that does not answer; the next look is a second away.
    }
  }

  #tell(losses: readonly TrailLoss[]): void {
    const { log } = this.#parts;
    const isMore = losses.some((loss) => !this.#losses.some((known) => describeLoss(known) === describeLoss(loss)));
    if (this.#losses.length > 0 && losses.length === 0) log.info({}, 'no loss of audit events is left to acknowledge');
    this.#losses = losses;
    const now = performance.now();
    if (losses.length === 0 || (!isMore && now < this.#loggedAtMs + logEveryMs)) return;
    this.#loggedAtMs = now;
    log.error(
      { lostEvents: this.lostEvents, losses: losses.map(describeLoss) },
      'the database has lost committed events of the audit trail, such as by a failover to a replica that lacked them: find out why, then run coffer audit-acknowledge-loss',
    );
  }
}
