import type { Caller } from '../../vault/caller.ts';
import { VaultError } from '../../vault/errors.ts';
import { networkOf } from '../../vault/network.ts';
import type { Clock } from '../../vault/time.ts';
import type { RpcCall } from '../contract/bound-rpc.ts';
import { refusedAuthentication, type RequestAuthenticator } from './authenticate.ts';

/** How many calls per second are served; 0 means no limit. */
export interface RateLimits {
  /** Per API key, or per user over all of the user's sessions and tokens. */
  readonly perKey: number;
  /** Per address; for IPv6 per network of 64 bits, because a single client has that many addresses. */
  readonly perAddress: number;
}

/** The most addresses and the most callers remembered at once, about 20 MiB for each of the two. */
const bucketsMax = 100_000;

/** Counts a call of a batch as its items; the call itself was counted when it was authenticated, and is not refused. */
export type ChargeItems = (call: Pick<RpcCall, 'caller' | 'peer'>, items: number) => void;

/** An authenticator with rate limits. */
export interface LimitedAuthenticator {
  readonly authenticator: RequestAuthenticator;
  /** Absent without limits. */
  readonly charge?: ChargeItems;
}

/**
 * Adds rate limits to an authenticator: one per address before authentication, one per caller after it. Renewing the
 * authentication of a call does not count as another call.
 */
export function limitRates(
  authenticator: RequestAuthenticator,
  { perKey, perAddress }: RateLimits,
  clock: Clock,
): LimitedAuthenticator {
  if (perKey === 0 && perAddress === 0) return { authenticator };
  const [ofAddress, ofCaller] = [bucketsOf(perAddress, clock), bucketsOf(perKey, clock)];
  return {
    authenticator: {
      async authenticate(input) {
        const tooMany = take(ofAddress, networkOf(input.exchange.peer));
        if (tooMany) return refusedAuthentication(input, tooMany);
        const authentication = await authenticator.authenticate(input);
        const refusal = authentication.caller && take(ofCaller, keyOf(authentication.caller));
        return refusal ? { ...authentication, caller: undefined, refusal } : authentication;
      },
      renew: (authentication) => authenticator.renew(authentication),
    },
    charge: ({ caller, peer }, items) => {
      ofAddress?.charge(networkOf(peer), items - 1);
      if (caller) ofCaller?.charge(keyOf(caller), items - 1);
    },
  };
}

function bucketsOf(perSecond: number, clock: Clock): TokenBuckets | undefined {
  return perSecond === 0 ? undefined : new TokenBuckets({ perSecond, bucketsMax, clock });
}

function take(buckets: TokenBuckets | undefined, key: string): VaultError | undefined {
  const retryAfterMs = buckets?.take(key) ?? 0;
  return retryAfterMs === 0 ? undefined : new VaultError('resource_exhausted', 'too many requests', { retryAfterMs });
}

function keyOf({ kind, id }: Caller): string {
  return `${kind} ${id}`;
}

interface Bucket {
  /** Thousandths of a token, so that the count is an integer; negative after a batch that had more items than there were. */
  readonly parts: number;
  /** When the bucket held that many. */
  readonly atMs: number;
}

const partsOfOne = 1_000;

/** The rate of the buckets, and how many are kept. */
export interface BucketOptions {
  /** An integer of at least 1; also the size of a bucket. */
  readonly perSecond: number;
  /** Beyond it, the bucket used longest ago is dropped. */
  readonly bucketsMax: number;
  readonly clock: Clock;
}

/**
 * Token buckets by key. A bucket is full after a second without use and is then dropped, so that memory is needed only for the
 * keys of the last second.
 *
 * @see https://en.wikipedia.org/wiki/Token_bucket
 */
export class TokenBuckets {
  readonly #options: BucketOptions;
  /** In the order of last use, as a map keeps them. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  /** How many buckets are kept. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes one token.
   *
   * @returns 0 if there was one, else after how many milliseconds there will be; a failed attempt costs nothing
   */
  take(key: string): number {
    const { clock, perSecond } = this.#options;
    const nowMs = clock.now().getTime();
    const filled = this.#partsOf(key, nowMs);
    const isAllowed = filled >= partsOfOne;
    this.#buckets.delete(key);
    this.#buckets.set(key, { parts: isAllowed ? filled - partsOfOne : filled, atMs: nowMs });
    this.#dropFull(nowMs);
    return isAllowed ? 0 : Math.ceil((partsOfOne - filled) / perSecond);
  }

  /** Takes tokens that may not be there yet: until they are, there are none for others. */
  charge(key: string, tokens: number): void {
    if (tokens <= 0) return;
    const nowMs = this.#options.clock.now().getTime();
    const parts = this.#partsOf(key, nowMs) - tokens * partsOfOne;
    this.#buckets.delete(key);
    this.#buckets.set(key, { parts, atMs: nowMs });
    this.#dropFull(nowMs);
  }

  #partsOf(key: string, nowMs: number): number {
    const { perSecond } = this.#options;
    const most = perSecond * partsOfOne;
    const { parts, atMs } = this.#buckets.get(key) ?? { parts: most, atMs: nowMs };
    // A clock that was set back adds nothing, and counts from there on.
    return Math.min(most, parts + Math.max(0, nowMs - atMs) * perSecond);
  }

  #dropFull(nowMs: number): void {
    const { bucketsMax: most, perSecond } = this.#options;
    for (const [key, { parts, atMs }] of this.#buckets) {
      const isFull = parts + (nowMs - atMs) * perSecond >= perSecond * partsOfOne;
      const isDropped = isFull && nowMs - atMs >= 1_000;
      if (!isDropped && this.#buckets.size <= most) return;
      this.#buckets.delete(key);
    }
  }
}
