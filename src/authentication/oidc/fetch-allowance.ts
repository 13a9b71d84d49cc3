import type { Clock } from '../../vault/time.ts';

/** Bounds how often the issuer is asked: so many times at once, and once more each `keysCooldownMs`. */
export const fetchesAtOnceMax = 4;
/** The time in which one more fetch is allowed, and after a failure the least time to the next one, in milliseconds. */
export const keysCooldownMs = 10_000;

/** Decides when the issuer may be asked for its keys: callers without authentication make up key ids, which it may not have. */
export class FetchAllowance {
  readonly #clock: Clock;
  /** What was left of it at the last fetch. */
  #left = fetchesAtOnceMax;
  #takenAtMs = Number.NEGATIVE_INFINITY;
  #hasFailed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In how many milliseconds a fetch is allowed; 0 is now. */
  get waitMs(): number {
    if (this.#hasFailed) return Math.max(0, keysCooldownMs - this.#sinceMs());
    return Math.max(0, Math.ceil((1 - this.#present()) * keysCooldownMs));
  }

  /** Counts a fetch that begins, until `fail` as one that succeeds. */
  take(): void {
    this.#left = Math.max(0, this.#present() - 1);
    this.#takenAtMs = this.#clock.now().getTime();
    this.#hasFailed = false;
  }

  /** Notes that the last one has failed: an issuer in trouble is left in peace. */
  fail(): void {
    this.#hasFailed = true;
  }

  #present(): number {
    return Math.min(fetchesAtOnceMax, this.#left + this.#sinceMs() / keysCooldownMs);
  }

  /** A clock that was set back counts as well: otherwise nothing would be fetched until it has caught up. */
  #sinceMs(): number {
    return Math.abs(this.#clock.now().getTime() - this.#takenAtMs);
  }
}
