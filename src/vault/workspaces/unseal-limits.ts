import { networkOf } from '../network.ts';
import type { Clock } from '../time.ts';

const windowMs = 60_000;
const perAddressMax = 10;
const inAllMax = 30;

/**
 * Limits the attempts to unseal in a sliding minute: 10 from one address (IPv6: a network of 64 bits) and 30 in all, because no
 * caller is authenticated and a password takes 256 MiB. Refused attempts do not count.
 */
export class UnsealLimits {
  readonly #clock: Clock;
  /** The oldest first; never more than 30. */
  #attempts: readonly { readonly network: string; readonly atMs: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns 0 if the attempt may be made, else after how many milliseconds one may be */
  take(peer: string): number {
    const nowMs = this.#clock.now().getTime();
    // A clock that was set back must not extend the wait.
    this.#attempts = this.#attempts.filter(({ atMs }) => atMs > nowMs - windowMs && atMs <= nowMs);
    const network = networkOf(peer);
    const ofAddress = this.#attempts.filter((attempt) => attempt.network === network);
    const oldest = [ofAddress.at(-perAddressMax), this.#attempts.at(-inAllMax)].flatMap((attempt) => attempt ?? []);
    if (oldest.length > 0) return Math.max(...oldest.map(({ atMs }) => atMs)) + windowMs - nowMs;
    this.#attempts = [...this.#attempts, { network, atMs: nowMs }];
    return 0;
  }
}
