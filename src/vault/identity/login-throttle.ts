import { BoundedMap } from '../bounded-map.ts';
import { networkOf } from '../network.ts';
import type { Clock } from '../time.ts';
import { VaultError } from '../errors.ts';

const windowMs = 60_000;

/** How many guesses may fail, and what each costs. */
export interface LoginLimits {
  /** In a sliding minute. */
  readonly failuresMax: number;
  /** How long the answer to a failure is held back, by the number of failures before it in the window; 0 where absent. */
  readonly holdMs: readonly number[];
}

/** The numbers of Fishnet's own login, for the guesses at one password. */
export const limitsOfPassword: LoginLimits = { failuresMax: 5, holdMs: [0, 0, 0, 1_000, 2_000] };
/** For all the guesses that come from one address, where many may log in. */
export const limitsOfAddress: LoginLimits = { failuresMax: 20, holdMs: [] };

/** An attempt that may go on, or the time until one may. */
export type LoginAttempt =
  | {
      readonly kind: 'allowed';
      /** The password was wrong; answers how long to hold the answer back. */
      readonly fail: () => { readonly holdMs: number };
      /** The password was right: earlier failures are forgotten. */
      readonly succeed: () => void;
      /** The password was not compared: nothing was learnt by it. */
      readonly abandon: () => void;
    }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number };

/**
 * Slows down the guessing of a password: so many failures in a sliding minute, then none until the window slides. Guesses
 * sent at once gain nothing: no more are under way than may still fail, and the others wait until those have ended. It
 * counts for one process, whoever is asking.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #limits: LoginLimits;
  /** Times of failures, oldest first; never more than `failuresMax`. */
  #failures: number[] = [];
  #underWay = 0;
  #waiting: (() => void)[] = [];

  constructor(clock: Clock, limits = limitsOfPassword) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Asks leave to compare a password. Exactly one of the functions of an allowed attempt must be called, once. */
  async begin(): Promise<LoginAttempt> {
    const { failuresMax } = this.#limits;
    for (;;) {
      const now = this.#clock.now().getTime();
      this.#failures = this.#failures.filter((at) => at > now - windowMs);
      const [oldest] = this.#failures;
      if (oldest !== undefined && this.#failures.length >= failuresMax) {
        return { kind: 'throttled', retryAfterMs: oldest + windowMs - now };
      }
      if (this.#failures.length + this.#underWay < failuresMax) return this.#allow();
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }

  #allow(): LoginAttempt {
    this.#underWay += 1;
    return {
      kind: 'allowed',
      fail: () => {
        const hold = this.#limits.holdMs[this.#failures.length] ?? 0;
        this.#failures.push(this.#clock.now().getTime());
        this.#end();
        return { holdMs: hold };
      },
      succeed: () => {
        this.#failures = [];
        this.#end();
      },
      abandon: () => this.#end(),
    };
  }

  #end(): void {
    this.#underWay -= 1;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** The refusal of an attempt that was not allowed. */
export function loginThrottled({ retryAfterMs }: { readonly retryAfterMs: number }): VaultError {
  return new VaultError('login_throttled', 'too many failed login attempts', { retryAfterMs });
}

/** For how many accounts, and for how many addresses, failures are remembered at once: a few MiB in all. */
const throttlesMaxDefault = 10_000;

/** What is guessed at, and from where. */
export interface Guess {
  /** The user's id, or for an unknown one how he was named: both are slowed down alike. */
  readonly account: string;
  readonly peer: string;
}

/**
 * Slows down the guessing at many accounts: for each of them, and for each address whatever it guesses at. Both are forgotten
 * where too many others were seen since; that takes many addresses, since each of them is slowed down as well.
 */
export class LoginThrottles {
  readonly #accounts: (key: string) => LoginThrottle;
  readonly #addresses: (key: string) => LoginThrottle;

  constructor(clock: Clock, throttlesMax = throttlesMaxDefault) {
    this.#accounts = lastUsed(clock, limitsOfPassword, throttlesMax);
    this.#addresses = lastUsed(clock, limitsOfAddress, throttlesMax);
  }

  /** Asks leave to compare a password, as `LoginThrottle.begin`. */
  async begin({ account, peer }: Guess): Promise<LoginAttempt> {
    const ofAddress = await this.#addresses(networkOf(peer)).begin();
    if (ofAddress.kind === 'throttled') return ofAddress;
    const ofAccount = await this.#accounts(account).begin();
    if (ofAccount.kind === 'throttled') {
      ofAddress.abandon();
      return ofAccount;
    }
    return {
      kind: 'allowed',
      fail: () => {
        ofAddress.fail();
        return ofAccount.fail();
      },
      // The address keeps its failures: whoever has one account could go on guessing at all the others.
      succeed: () => {
        ofAddress.abandon();
        ofAccount.succeed();
      },
      abandon: () => {
        ofAddress.abandon();
        ofAccount.abandon();
      },
    };
  }
}

/** Finds the throttle of a key; so many are kept, those used last. */
function lastUsed(clock: Clock, limits: LoginLimits, throttlesMax: number): (key: string) => LoginThrottle {
  const throttles = new BoundedMap<string, LoginThrottle>(throttlesMax);
  return (key) => {
    const known = throttles.use(key);
    if (known) return known;
    const throttle = new LoginThrottle(clock, limits);
    throttles.set(key, throttle);
    return throttle;
  };
}
