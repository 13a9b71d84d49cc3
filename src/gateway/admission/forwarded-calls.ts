import { VaultError } from '../../vault/errors.ts';
import { networkOf } from '../../vault/network.ts';
import type { IsTrustedProxy } from '../port/trusted-proxies.ts';
import type { Evidence, Prover } from './authenticate.ts';

/** Of which calls it is that a proxy forwards them. */
export interface Forwarding {
  readonly connection: { readonly isTrustedProxy: boolean } | undefined;
  /** The canonical address that the call came from, past the proxies that are trusted. */
  readonly peer: string;
}

/** A call in flight. */
export interface CallInFlight {
  /** Too many calls of its address are in flight; this one does not count. */
  readonly isCrowded: boolean;
  /** To be called when it ends. */
  readonly leave: () => void;
}

const uncounted: CallInFlight = { isCrowded: false, leave: () => undefined };
const crowded: CallInFlight = { isCrowded: true, leave: () => undefined };

/**
 * Limits the calls in flight of one address behind trusted proxies, whose connections are not limited: of IPv6, of one network
 * of 64 bits. The proxies' own calls, such as probes, are not counted.
 */
export class ForwardedCalls {
  readonly #max: number;
  readonly #isTrustedProxy: IsTrustedProxy;
  readonly #inFlight = new Map<string, number>();

  /** @param max 0 is without a limit */
  constructor(max: number, isTrustedProxy: IsTrustedProxy) {
    this.#max = max;
    this.#isTrustedProxy = isTrustedProxy;
  }

  enter({ connection, peer }: Forwarding): CallInFlight {
    if (this.#max === 0 || !connection?.isTrustedProxy || this.#isTrustedProxy(peer)) return uncounted;
    const network = networkOf(peer);
    const others = this.#inFlight.get(network) ?? 0;
    if (others >= this.#max) return crowded;
    this.#inFlight.set(network, others + 1);
    return { isCrowded: false, leave: () => this.#leave(network) };
  }

  #leave(network: string): void {
    const left = (this.#inFlight.get(network) ?? 0) - 1;
    if (left > 0) this.#inFlight.set(network, left);
    else this.#inFlight.delete(network);
  }
}

/** Refuses the calls of an address that has too many in flight, before anything is authenticated. */
export function refuseCrowds(prover: Prover): Prover {
  return {
    async prove(evidence) {
      return evidence.isCrowded ? refuse(evidence) : prover.prove(evidence);
    },
    renew: (proof) => prover.renew(proof),
  };
}

/** What a call is refused with whose address has too many in flight. */
export function tooManyInFlight(): VaultError {
  return new VaultError('resource_exhausted', 'too many calls in flight', { retryAfterMs: 1_000 });
}

function refuse(evidence: Evidence) {
  return { caller: undefined, refusal: tooManyInFlight(), evidence, askedAtMs: performance.now() };
}
