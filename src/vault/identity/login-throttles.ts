import {
  limitsOfAddress,
  limitsOfPassword,
  LoginThrottle,
  type LoginAttempt,
  type LoginLimits,
} from './login-throttle.ts';
import { networkOf } from '../network.ts';
import type { Clock } from '../time.ts';

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

/** Keeps so many throttles, those that were used last; a map is in the order in which its keys were set. */
function lastUsed(clock: Clock, limits: LoginLimits, throttlesMax: number): (key: string) => LoginThrottle {
  const throttles = new Map<string, LoginThrottle>();
  return (key) => {
    const throttle = throttles.get(key) ?? new LoginThrottle(clock, limits);
    throttles.delete(key);
    throttles.set(key, throttle);
    const [oldest] = throttles.keys();
    if (oldest !== undefined && throttles.size > throttlesMax) throttles.delete(oldest);
    return throttle;
  };
}
