import type { Caller } from '../vault/caller.ts';
import { VaultError } from '../vault/errors.ts';
import type { Clock } from '../vault/ports.ts';
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
export const bucketsMax = 100_000;

/**
 * Puts limits before a prover and behind it: from an address that calls too often nobody is asked for, and a caller who does is
 * refused. Asking once more for a proof within one call is not another call.
 */
export function limitRates(prover: Prover, { perKey, perAddress }: RateLimits, clock: Clock): Prover {
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

/** An address that a proxy made up is cut off, so that it takes no memory. */
const addressCharactersMax = 64;

/** An IPv4 address, or the first 64 bits of an IPv6 one. */
function networkOf(address: string): string {
  const plain = address
    .slice(0, addressCharactersMax)
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, '');
  if (!plain.includes(':')) return plain;
  const [front = '', back] = plain.split('::');
  const groups = front.split(':').map((group) => group || '0');
  // What `::` leaves out begins behind the groups in front of it; more than four groups behind it reach into the first 64 bits.
  const behind = back === undefined || back === '' ? [] : back.split(':');
  const zeros = Math.max(0, 8 - groups.length - behind.length);
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...behind].slice(0, 4).join(':');
}
