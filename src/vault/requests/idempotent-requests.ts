import type { Caller } from '../caller.ts';
import { nilUuid } from '../ids.ts';
import type { Clock } from '../time.ts';
import type { KeptAnswer, RequestClaim, RequestMac, RequestStore } from './ports.ts';

/** A request under an id. */
export interface IdentifiedRequest {
  readonly caller: Pick<Caller, 'kind' | 'id'>;
  /** The workspace of the call; null for a request to the instance. */
  readonly workspaceId: string | null;
  /** As the caller has sent it, 1 to 255 characters. */
  readonly requestId: string;
  /** The full name of the rpc. */
  readonly rpc: string;
  /** Everything else of the request, equal for equal requests. */
  readonly content: string;
}

export interface IdempotentRequestsParts {
  readonly mac: RequestMac;
  readonly store: RequestStore;
  readonly clock: Clock;
}

/**
 * Recognizes repeated requests. An id belongs to a caller in a workspace, or in the instance: the same id of another caller is
 * another id. Hashes are keyed, because the hash of a request with a secret would otherwise allow guessing it offline.
 */
export class IdempotentRequests {
  readonly #mac: RequestMac;
  readonly #store: RequestStore;
  readonly #clock: Clock;

  constructor({ clock, mac, store }: IdempotentRequestsParts) {
    this.#clock = clock;
    this.#mac = mac;
    this.#store = store;
  }

  /** Identifies a request by its id and its content. */
  claimOf({ caller, workspaceId, requestId, rpc, content }: IdentifiedRequest): RequestClaim {
    const place = workspaceId ?? nilUuid;
    return {
      workspaceId: place,
      key: this.#mac.compute('request id', [place, caller.kind, caller.id, requestId]),
      digest: this.#mac.compute('request', [place, rpc, content]),
      claimedAt: this.#clock.now(),
    };
  }

  /** As `RequestStore.find`. */
  find(claim: RequestClaim, signal: AbortSignal): Promise<KeptAnswer | undefined> {
    return this.#store.find(claim, signal);
  }
}
