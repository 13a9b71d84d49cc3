import type { Logger } from 'pino';
import { formatHead, type StreamHead } from '../vault/audit/audit-chain.ts';
import { describeLoss, lostEventCount, type TrailLoss } from '../vault/audit/trail-loss.ts';
import { type TrailLossStore } from '../vault/audit/ports.ts';

const headLogEveryMs = 60_000;
const lossCheckEveryMs = 1_000;
const lossLogEveryMs = 60_000;

/**
 * Logs the head of the audit trail every minute and when it is disposed. An operator who keeps these lines outside the
 * reach of database writers can detect that later events were cut off.
 */
export function logHeads(head: () => StreamHead | undefined, log: Pick<Logger, 'info'>): Disposable {
  let loggedSequence: number | undefined;
  const logHead = () => {
    const last = head();
    if (!last || last.sequence === loggedSequence) return;
    loggedSequence = last.sequence;
    log.info({ stream: last.stream, head: formatHead(last) }, 'the head of the audit trail');
  };
  const timer = setInterval(logHead, headLogEveryMs);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      logHead();
    },
  };
}

/** What lost events are watched with. */
export interface TrailLossWatchParts {
  readonly losses: Pick<TrailLossStore, 'find'>;
  readonly log: Pick<Logger, 'error' | 'info'>;
}

/**
 * Checks every second whether the database has lost committed events of the audit trail. It logs an error at once and then
 * every minute until an operator acknowledges the loss.
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

  /** The number of lost events that are not acknowledged, as of the last check. */
  get lostEvents(): number {
    return this.#losses.reduce((sum, loss) => sum + lostEventCount(loss), 0);
  }

  /** One line for the operator per loss. */
  warnings(): readonly string[] {
    return this.#losses.map(
      (loss) => `lost ${describeLoss(loss)} of the audit trail: see coffer audit-acknowledge-loss`,
    );
  }

  /** Resolves after the first check; further checks follow until `stop`. */
  async start(): Promise<void> {
    await this.#check();
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), lossCheckEveryMs).unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #check(): Promise<void> {
    try {
      this.#update(await this.#parts.losses.find());
    } catch {
      // Readiness reports a database that does not respond; the next check is a second away.
    }
  }

  #update(losses: readonly TrailLoss[]): void {
    const { log } = this.#parts;
    const isMore = losses.some((loss) => !this.#losses.some((known) => describeLoss(known) === describeLoss(loss)));
    if (this.#losses.length > 0 && losses.length === 0) log.info({}, 'no loss of audit events is left to acknowledge');
    this.#losses = losses;
    const now = performance.now();
    if (losses.length === 0 || (!isMore && now < this.#loggedAtMs + lossLogEveryMs)) return;
    this.#loggedAtMs = now;
    log.error(
      { lostEvents: this.lostEvents, losses: losses.map(describeLoss) },
      'the database has lost committed events of the audit trail, such as by a failover to a replica that lacked them: find out why, then run coffer audit-acknowledge-loss',
    );
  }
}
