import type { Clock } from '../../vault/time.ts';

interface Bucket {
  /** Thousandths of what it may hold, so that they are whole. */
  readonly parts: number;
  /** When it held so many. */
  readonly atMs: number;
}

const partsOfOne = 1_000;

/** How often something may be done, and for how many that is remembered. */
export interface BucketOptions {
  /** Whole, and at least 1; so much may also be done at once. */
  readonly perSecond: number;
  /** Beyond it, whoever was seen longest ago is forgotten. */
  readonly bucketsMax: number;
  readonly clock: Clock;
}

/**
 * Lets each of many do something so and so often a second, after a second's rest as often at once. Whoever has rested for so long
 * need not be remembered, so that memory is taken only for those who were seen within the last second.
 *
 * @see https://en.wikipedia.org/wiki/Token_bucket
 */
export class TokenBuckets {
  readonly #options: BucketOptions;
  /** In the order in which they were last asked for, as a map keeps them. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  /** For how many something is remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Asks leave to do it once.
   *
   * @returns 0 where it may be done, else in how many milliseconds it may be; asking too early costs nothing
   */
  take(key: string): number {
    const { clock, perSecond } = this.#options;
    const nowMs = clock.now().getTime();
    const most = perSecond * partsOfOne;
    const { parts, atMs } = this.#buckets.get(key) ?? { parts: most, atMs: nowMs };
    // A clock that was set back fills nothing, and counts from there on.
    const filled = Math.min(most, parts + Math.max(0, nowMs - atMs) * perSecond);
    const isAllowed = filled >= partsOfOne;
    this.#buckets.delete(key);
    this.#buckets.set(key, { parts: isAllowed ? filled - partsOfOne : filled, atMs: nowMs });
    this.#forget(nowMs);
    return isAllowed ? 0 : Math.ceil((partsOfOne - filled) / perSecond);
  }

  #forget(nowMs: number): void {
    for (const [key, { atMs }] of this.#buckets) {
      if (nowMs - atMs < 1_000 && this.#buckets.size <= this.#options.bucketsMax) return;
      this.#buckets.delete(key);
    }
  }
}
