import type { Caller } from '../../vault/caller.ts';
import { VaultError } from '../../vault/errors.ts';
import { networkOf } from '../../vault/network.ts';
import type { Clock } from '../../vault/time.ts';
import type { Proof, Prover } from './authenticate.ts';
import { TokenBuckets } from './token-buckets.ts';

/** How many calls a second are served; 0 is without a limit. */
export interface RateLimits {
  /** Of one API key, or of one user, whichever of his sessions or tokens he proves himself by. */
  readonly perKey: number;
  /** From one address, whoever is calling; of IPv6, from one network of 64 bits, since that is what one client has. */
  readonly perAddress: number;
}

/** The most addresses, and the most keys, that are remembered at once: some 20 MiB for each of the two. */
const bucketsMax = 100_000;

/**
 * Puts limits before a prover and behind it: from an address that calls too often nobody is asked for, and a caller who does is
 * refused. Asking once more for a proof within one call is not another call.
 */
export function limitRates(prover: Prover, { perKey, perAddress }: RateLimits, clock: Clock): Prover {
  if (perKey === 0 && perAddress === 0) return prover;
  const ofAddress = limitOf(perAddress, clock);
  const ofCaller = limitOf(perKey, clock);
  return {
    async prove(evidence) {
      const refusal = ofAddress(networkOf(evidence.peer));
      if (refusal) return { caller: undefined, refusal, evidence, askedAtMs: performance.now() };
      const proof = await prover.prove(evidence);
      return proof.caller ? refuseWhere(ofCaller(keyOf(proof.caller)), proof) : proof;
    },
    renew: (proof) => prover.renew(proof),
  };
}

type Limit = (key: string) => VaultError | undefined;

function limitOf(perSecond: number, clock: Clock): Limit {
  if (perSecond === 0) return () => undefined;
  const buckets = new TokenBuckets({ perSecond, bucketsMax, clock });
  return (key) => {
    const retryAfterMs = buckets.take(key);
    return retryAfterMs === 0 ? undefined : new VaultError('resource_exhausted', 'too many requests', { retryAfterMs });
  };
}

function refuseWhere(refusal: VaultError | undefined, proof: Proof): Proof {
  return refusal ? { ...proof, caller: undefined, refusal } : proof;
}

function keyOf({ kind, id }: Caller): string {
  return `${kind} ${id}`;
}
