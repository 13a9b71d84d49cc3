import type { Clock } from './ports.ts';

const windowMs = 60_000;
const failuresMax = 5;
/** How long the answer to a failure is held back, by the failures of the window before it. */
const holdMs: readonly number[] = [0, 0, 0, 1_000, 2_000];

/** An attempt that may go on, or the time until one may. */
export type LoginAttempt =
  | {
      readonly kind: 'allowed';
      readonly fail: () => { readonly holdMs: number };
      readonly succeed: () => void;
      readonly abandon: () => void;
    }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number };

/**
 * Slows down the guessing of a password: five failures in a sliding minute, then none until the window slides. Attempts
 * under way count as failures until they end, so that guesses sent at once gain nothing.
 *
 * @see seed 001 and docs/dialects.md for the numbers
 */
export class LoginThrottle {
  readonly #clock: Clock;
  /** Times of failures and of attempts under way, oldest first; never more than `failuresMax`. */
  #marks: { at: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asks leave to compare a password. Exactly one of the functions of an allowed attempt must be called. */
  begin(): LoginAttempt {
    const now = this.#clock.now().getTime();
    this.#marks = this.#marks.filter(({ at }) => at > now - windowMs);
    const [oldest] = this.#marks;
    if (oldest && this.#marks.length >= failuresMax)
      return { kind: 'throttled', retryAfterMs: oldest.at + windowMs - now };
    const earlier = this.#marks.length;
    const mark = { at: now };
    this.#marks.push(mark);
    return {
      kind: 'allowed',
      fail: () => ({ holdMs: holdMs[earlier] ?? 0 }),
      succeed: () => {
        this.#marks = [];
      },
      abandon: () => {
        this.#marks = this.#marks.filter((other) => other !== mark);
      },
    };
  }
}
