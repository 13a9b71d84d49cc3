import { VaultError } from '../../vault/errors.ts';
import { networkOf } from '../../vault/network.ts';
import type { IsTrustedProxy } from '../port/peer-address.ts';
import type { CallInFlight, EnterCall } from '../request/request-log.ts';
import { refusedAuthentication, type RequestAuthenticator } from './authenticate.ts';

const uncounted: CallInFlight = { isCrowded: false, leave: () => undefined };
const crowded: CallInFlight = { isCrowded: true, leave: () => undefined };

/**
 * Limits the calls in flight per client address for calls through trusted proxies, whose connections are not limited. For IPv6
 * the limit is per network of 64 bits. Calls of the proxies themselves, such as probes, are not counted.
 */
export class ForwardedCalls {
  readonly #max: number;
  readonly #isTrustedProxy: IsTrustedProxy;
  readonly #inFlight = new Map<string, number>();

  /** @param max 0 means no limit */
  constructor(max: number, isTrustedProxy: IsTrustedProxy) {
    this.#max = max;
    this.#isTrustedProxy = isTrustedProxy;
  }

  readonly enter: EnterCall = ({ connection, peer }) => {
    if (this.#max === 0 || !connection?.isTrustedProxy || this.#isTrustedProxy(peer)) return uncounted;
    const network = networkOf(peer);
    const others = this.#inFlight.get(network) ?? 0;
    if (others >= this.#max) return crowded;
    this.#inFlight.set(network, others + 1);
    return { isCrowded: false, leave: () => this.#leave(network) };
  };

  #leave(network: string): void {
    const left = (this.#inFlight.get(network) ?? 0) - 1;
    if (left > 0) this.#inFlight.set(network, left);
    else this.#inFlight.delete(network);
  }
}

/** Refuses the calls of an address that has too many in flight, before they are authenticated. */
export function rejectCrowded(authenticator: RequestAuthenticator): RequestAuthenticator {
  return {
    async authenticate(input) {
      return input.exchange.isCrowded
        ? refusedAuthentication(input, tooManyInFlight())
        : authenticator.authenticate(input);
    },
    renew: (authentication) => authenticator.renew(authentication),
  };
}

/** The refusal of a call whose address has too many in flight. */
export function tooManyInFlight(): VaultError {
  return new VaultError('resource_exhausted', 'too many calls in flight', { retryAfterMs: 1_000 });
}
