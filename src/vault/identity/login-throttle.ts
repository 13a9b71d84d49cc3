import { BoundedMap } from '../bounded-map.ts';
import { networkOf } from '../network.ts';
import type { Clock } from '../time.ts';
import { VaultError } from '../errors.ts';

const windowMs = 60_000;

/** How many attempts may fail, and how each failure is delayed. */
export interface LoginLimits {
  /** The most failures in a sliding minute. */
  readonly failuresMax: number;
  /** The delay of the response to a failure, by the number of failures before it in the window; 0 where absent. */
  readonly holdMs: readonly number[];
}

/** For attempts at one password: the numbers of Fishnet's login. */
const limitsOfPassword: LoginLimits = { failuresMax: 5, holdMs: [0, 0, 0, 1_000, 2_000] };
/** For all attempts from one address, from which several users may log in. */
const limitsOfAddress: LoginLimits = { failuresMax: 20, holdMs: [] };

/** An allowed attempt, or the time until one is allowed. */
export type LoginAttempt =
  | {
      readonly kind: 'allowed';
      /** The password was wrong; returns the delay of the response. */
      readonly fail: () => { readonly holdMs: number };
      /** The password was right: earlier failures no longer count. */
      readonly succeed: () => void;
      /** The password was not compared. */
      readonly abandon: () => void;
    }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number };

/**
 * Limits password guessing: after so many failures in a sliding minute, no attempt is allowed until the window has moved. Concurrent
 * attempts gain nothing: no more run than may still fail, and the others wait. It counts the attempts of all callers in one
 * process.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #limits: LoginLimits;
  /** The times of failures, the oldest first; never more than `failuresMax`. */
  #failures: number[] = [];
  #underWay = 0;
  #waiting: (() => void)[] = [];

  constructor(clock: Clock, limits = limitsOfPassword) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Starts an attempt. Exactly one of the functions of an allowed attempt must be called, once. */
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

/** The refusal of a throttled attempt. */
export function loginThrottled({ retryAfterMs }: { readonly retryAfterMs: number }): VaultError {
  return new VaultError('login_throttled', 'too many failed login attempts', { retryAfterMs });
}

/** The number of accounts, and of addresses, whose failures are counted at once: a few MiB in total. */
const throttlesMaxDefault = 10_000;

/** The account and the origin of an attempt. */
export interface Guess {
  /** The user's id, or for an unknown user the name in the request: both are limited in the same way. */
  readonly account: string;
  readonly peer: string;
}

/**
 * Limits guessing at many accounts, for each account and for each address. The counts of those used longest ago are dropped; to
 * reach that, an attacker needs many addresses, and each of them is limited as well.
 */
export class LoginThrottles {
  readonly #accounts: (key: string) => LoginThrottle;
  readonly #addresses: (key: string) => LoginThrottle;

  constructor(clock: Clock, throttlesMax = throttlesMaxDefault) {
    this.#accounts = lastUsed(clock, limitsOfPassword, throttlesMax);
    this.#addresses = lastUsed(clock, limitsOfAddress, throttlesMax);
  }

  /** Starts an attempt, as `LoginThrottle.begin`. */
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
      // The address keeps its failures: otherwise an attacker with one account could reset them between guesses at others.
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

/** Finds the throttle of a key; the last used ones are kept. */
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
