import type { AuditHead } from './audit-chain.ts';
import type { AcknowledgedLoss } from './trail-loss.ts';

/** What is known of a verification that goes on; the result comes last. */
export type VerificationNews =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'fault'; readonly fault: TrailFault }
  | { readonly kind: 'result'; readonly result: TrailVerification };

type Observing = Required<Pick<VerificationOptions, 'observer' | 'signal'>>;

/** How often progress is reported at most. */
const progressEveryMs = 500;

/**
 * Verifies, and answers what is known as it goes on. A reader that is slow gets the newest progress and every fault, of which
 * there are few; one that stops reading ends the verification.
 *
 * @throws what the verification throws
 */
export async function* followVerification(
  signal: AbortSignal,
  verify: (observing: Observing) => Promise<TrailVerification>,
): AsyncGenerator<VerificationNews> {
  const left = new AbortController();
  const news = new NewsBox();
  const verifying = verify({ observer: news, signal: AbortSignal.any([signal, left.signal]) });
  verifying.then(
    (result) => news.end({ kind: 'result', result }),
    () => news.end(),
  );
  try {
    for (;;) {
      const item = news.take();
      if (item) yield item;
      else if (news.isEnded) break;
      else await news.next();
    }
    // Whatever it failed with.
    await verifying;
  } finally {
    left.abort();
  }
}

/** Keeps the newest progress, all faults and the result until they are taken. */
class NewsBox {
  #progress: VerificationNews | undefined;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  readonly #waiting: VerificationNews[] = [];
  #isEnded = false;
  #wake = Promise.withResolvers<void>();

  get isEnded(): boolean {
    return this.#isEnded;
  }

  onProgress(done: number, total: number): void {
    const now = performance.now();
    if (done < total && now < this.#reportedAtMs + progressEveryMs) return;
    this.#reportedAtMs = now;
    this.#progress = { kind: 'progress', done, total };
    this.#wake.resolve();
  }

  onFault(fault: TrailFault): void {
    this.#waiting.push({ kind: 'fault', fault });
    this.#wake.resolve();
  }

  end(...last: readonly VerificationNews[]): void {
    if (this.#progress) this.#waiting.push(this.#progress);
    this.#progress = undefined;
    this.#waiting.push(...last);
    this.#isEnded = true;
    this.#wake.resolve();
  }

  take(): VerificationNews | undefined {
    const fault = this.#waiting.shift();
    if (fault) return fault;
    const progress = this.#progress;
    this.#progress = undefined;
    return progress;
  }

  /** Resolves when there may be something to take. */
  async next(): Promise<void> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers<void>();
  }
}

/** What happened to a place of the trail. */
export type TrailFaultKind = 'CHANGED' | 'REMOVED' | 'INSERTED' | 'REORDERED' | 'STREAM_MISSING' | 'TAIL_CUT';

/** The name that stands for the stream where a fault is the ledger's own. */
export const ledgerName = 'ledger';

/** A place where the trail, or a row that it tells of, is not as it was written. */
export interface TrailFault {
  readonly kind: TrailFaultKind;
  /** The stream's id, `ledgerName`, or the table of a row. */
  readonly stream: string;
  /** The first event, or line, that is concerned; 0 for a row. */
  readonly sequence: number;
  readonly message: string;
}

/** What verifying the trail found. */
export interface TrailVerification {
  readonly intact: boolean;
  readonly eventCount: number;
  /** The last event of each stream, as `formatHead` has it: for expecting it the next time. */
  readonly heads: ReadonlyMap<string, string>;
  /** The first ones, in the order of the streams; then those of rows. */
  readonly faults: readonly TrailFault[];
  /** Events that the database lost, and whose loss an operator acknowledged: they are no faults. */
  readonly acknowledgedLosses: readonly AcknowledgedLoss[];
}

/** Is told of a verification while it goes on; must not throw. */
export interface VerificationObserver {
  /** @param total an estimate, which grows where there is more */
  onProgress(done: number, total: number): void;
  /** Told of each fault that the result will hold. */
  onFault(fault: TrailFault): void;
}

/** How a verification differs from an ordinary one. */
export interface VerificationOptions {
  /** Heads up to which the trail was verified before, by stream: events before them are skipped. */
  readonly verified?: ReadonlyMap<string, AuditHead>;
  readonly observer?: VerificationObserver;
  /** Ends it. */
  readonly signal?: AbortSignal;
}
