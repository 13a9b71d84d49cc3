import type { TrailFault, TrailVerification, VerificationOptions } from './audit-trail.ts';

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
