import type { AuditHead } from './audit-chain.ts';
import type { AcknowledgedLoss } from './trail-loss.ts';

/** An item of a running verification; the result is the last one. */
export type VerificationItem =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'fault'; readonly fault: TrailFault }
  | { readonly kind: 'result'; readonly result: TrailVerification };

type Observing = Required<Pick<VerificationOptions, 'observer' | 'signal'>>;

/** How often progress is reported at most. */
const progressEveryMs = 500;

/**
 * Runs a verification and yields its progress, faults and result. A slow reader gets the newest progress and every fault, of
 * which there are few; a reader that stops ends the verification.
 *
 * @throws what the verification throws
 */
export async function* followVerification(
  signal: AbortSignal,
  verify: (observing: Observing) => Promise<TrailVerification>,
): AsyncGenerator<VerificationItem> {
  const left = new AbortController();
  const items = new ItemBuffer();
  const verifying = verify({ observer: items, signal: AbortSignal.any([signal, left.signal]) });
  verifying.then(
    (result) => items.end({ kind: 'result', result }),
    () => items.end(),
  );
  try {
    for (;;) {
      const item = items.take();
      if (item) yield item;
      else if (items.isEnded) break;
      else await items.next();
    }
    // Throws the error of a failed verification.
    await verifying;
  } finally {
    left.abort();
  }
}

/** Buffers the newest progress, all faults and the result. */
class ItemBuffer {
  #progress: VerificationItem | undefined;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  readonly #waiting: VerificationItem[] = [];
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

  end(...last: readonly VerificationItem[]): void {
    if (this.#progress) this.#waiting.push(this.#progress);
    this.#progress = undefined;
    this.#waiting.push(...last);
    this.#isEnded = true;
    this.#wake.resolve();
  }

  take(): VerificationItem | undefined {
    const fault = this.#waiting.shift();
    if (fault) return fault;
    const progress = this.#progress;
    this.#progress = undefined;
    return progress;
  }

  /** Resolves when there may be another item. */
  async next(): Promise<void> {
    await this.#wake.promise;
    this.#wake = Promise.withResolvers<void>();
  }
}

/** The kinds of faults. */
export type TrailFaultKind = 'CHANGED' | 'REMOVED' | 'INSERTED' | 'REORDERED' | 'STREAM_MISSING' | 'TAIL_CUT';

/** Stands for the stream in a fault of the ledger. */
export const ledgerName = 'ledger';

/** A part of the trail, or a row that the trail describes, that differs from what Coffer wrote. */
export interface TrailFault {
  readonly kind: TrailFaultKind;
  /** The stream's id, `ledgerName`, or the table of a row. */
  readonly stream: string;
  /** The number of the first event or ledger entry concerned; 0 for a row. */
  readonly sequence: number;
  readonly message: string;
}

/** The result of a verification. */
export interface TrailVerification {
  readonly intact: boolean;
  readonly eventCount: number;
  /** The last event of each stream, formatted by `formatHead`: the next verification may expect it. */
  readonly heads: ReadonlyMap<string, string>;
  /** The first faults: those of streams in the order of the streams, then those of rows. */
  readonly faults: readonly TrailFault[];
  /** Losses of events that an operator acknowledged; they are not faults. */
  readonly acknowledgedLosses: readonly AcknowledgedLoss[];
}

/** Receives the progress of a verification; must not throw. */
export interface VerificationObserver {
  /** @param total an estimate, which grows if there is more */
  onProgress(done: number, total: number): void;
  /** Called for each fault of the result. */
  onFault(fault: TrailFault): void;
}

export interface VerificationOptions {
  /** Heads up to which the trail has been verified, by stream: events before them are skipped. */
  readonly verified?: ReadonlyMap<string, AuditHead>;
  readonly observer?: VerificationObserver;
  /** How many versions of secrets are opened; by default all. */
  readonly versionsMax?: number;
  /** Ends the verification. */
  readonly signal?: AbortSignal;
}
