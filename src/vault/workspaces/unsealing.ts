import type { AnonymousCall } from '../caller.ts';
import { VaultError } from '../errors.ts';
import type { SealState } from './seal-state.ts';
import type { UnsealAttempts } from './unseal-attempts.ts';
import type { UnsealLimits } from './unseal-limits.ts';

/** What a caller gives to unseal, of which exactly one is not empty. */
export interface UnsealInput {
  /** 32 bytes in base64. */
  readonly key: string;
  readonly password: string;
  /** A share of the key, as `keys split` prints it. */
  readonly share: string;
}

/** Whether the vault is sealed, and how many of the necessary shares were given, if any was. */
export interface UnsealProgress {
  readonly sealed: boolean;
  readonly sharesGiven: number;
  readonly threshold: number;
}

/** A master key that was given or computed. */
export type GivenMasterKey =
  | { readonly kind: 'password'; readonly password: string }
  /** The bytes, which may be computed from shares, are owned by the opener, which wipes them. */
  | { readonly kind: 'key' | 'share'; readonly key: Uint8Array };

/** The shares that were given so far, and the key once they are enough. */
export interface GivenShares {
  readonly count: number;
  readonly threshold: number;
  readonly key: Uint8Array | undefined;
}

/** Opens the vault of this process with a key that a caller gave. It is called for one attempt at a time. */
export interface VaultOpener {
  /** @throws VaultError `invalid_argument` for a text that is no key */
  parseKey(text: string): Uint8Array;
  /**
   * Adds a share to those that were given before.
   *
   * @throws VaultError `invalid_argument` for a text that is no share, or not one of the shares of the master key
   */
  addShare(text: string): Promise<GivenShares>;
  /**
   * Opens the vault for calls.
   *
   * @param prepared is awaited with the keys in memory, before the first call is served; if it fails, the vault is sealed again
   * @throws VaultError `invalid_argument` if it is not the master key of the vault, `failed_precondition` if there is no vault or
   *   it can not be opened, `unavailable`
   */
  open(given: GivenMasterKey, prepared: () => Promise<void>): Promise<void>;
}

export interface UnsealingParts {
  readonly state: SealState;
  readonly opener: VaultOpener;
  readonly limits: UnsealLimits;
  readonly attempts: UnsealAttempts;
}

const open: UnsealProgress = { sealed: false, sharesGiven: 0, threshold: 0 };

/** Unseals the vault in this process, for callers without authentication, because none is possible while it is sealed. */
export class Unsealing {
  readonly #parts: UnsealingParts;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: UnsealingParts) {
    this.#parts = parts;
  }

  /**
   * Tries to unseal by a key, a password or a share. Attempts run one at a time, since hashing a password takes 256 MiB. While the
   * vault is open, the input is not looked at.
   *
   * @throws VaultError `resource_exhausted` with the reason `UNSEAL_LIMITED` after too many attempts; what `VaultOpener` throws
   */
  async unseal(call: AnonymousCall, input: UnsealInput): Promise<UnsealProgress> {
    const { attempts, limits, state } = this.#parts;
    if (!state.isSealed) return open;
    const retryAfterMs = limits.take(call.peer);
    if (retryAfterMs > 0) {
      attempts.add(call, { outcome: 'DENIED', purpose: 'too many attempts' });
      const details = { reason: 'UNSEAL_LIMITED', retryAfterMs };
      throw new VaultError('resource_exhausted', 'too many attempts to unseal', details);
    }
    const attempt = this.#last.then(() => this.#attempt(call, input));
    this.#last = attempt.catch(() => undefined);
    return attempt;
  }

  async #attempt(call: AnonymousCall, input: UnsealInput): Promise<UnsealProgress> {
    const { attempts, state } = this.#parts;
    if (!state.isSealed) return open;
    // The caller has gone away while other attempts were made.
    call.signal.throwIfAborted();
    try {
      if (input.share !== '' && input.key === '' && input.password === '')
        return await this.#addShare(call, input.share);
      await this.#open(call, this.#keyOf(input), input.key === '' ? 'password' : 'key');
      return open;
    } catch (error) {
      attempts.add(call, { outcome: 'FAILED', purpose: kindOf(input) });
      throw error;
    }
  }

  async #addShare(call: AnonymousCall, share: string): Promise<UnsealProgress> {
    const { attempts, opener } = this.#parts;
    const { count, key, threshold } = await opener.addShare(share);
    const purpose = `share ${count} of ${threshold}`;
    if (key) await this.#open(call, { kind: 'share', key }, purpose);
    else attempts.add(call, { outcome: 'OK', purpose });
    return { sealed: key === undefined, sharesGiven: count, threshold };
  }

  async #open(call: AnonymousCall, given: GivenMasterKey, purpose: string): Promise<void> {
    const { attempts, opener } = this.#parts;
    await opener.open(given, () => attempts.write(attempts.eventOf(call, { outcome: 'OK', purpose })));
  }

  #keyOf({ key, password, share }: UnsealInput): GivenMasterKey {
    const given = [key, password, share].filter((text) => text !== '');
    if (given.length !== 1)
      throw new VaultError('invalid_argument', 'exactly one of key, password and share is needed');
    if (password !== '') return { kind: 'password', password };
    return { kind: 'key', key: this.#parts.opener.parseKey(key) };
  }
}

function kindOf(input: UnsealInput): string {
  const given = (['key', 'password', 'share'] as const).filter((kind) => input[kind] !== '');
  return given.length === 1 ? `a wrong ${given[0]}` : 'an invalid request';
}
