import type { Clock } from '../../vault/time.ts';
import type { JWTVerifyGetKey } from 'jose';
import { VaultError } from '../../vault/errors.ts';
import { IssuerDocumentError } from './issuer-documents.ts';

/** After how many milliseconds the keys are fetched again. */
export const keysFreshMs = 600_000;
/** For how many milliseconds keys stay usable while the issuer is unreachable. */
export const keysUsableMs = 3_600_000;

/** Receives failures of the issuer; a pino logger implements it. */
export interface IssuerLog {
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
}

export interface SigningKeysParts {
  /** @throws IssuerDocumentError */
  readonly fetchKeys: () => Promise<JWTVerifyGetKey>;
  readonly clock: Clock;
  readonly log: IssuerLog;
}

/** The keys of one fetch. */
export interface KeySet {
  /** The number of the fetch, from 1. */
  readonly number: number;
  readonly select: JWTVerifyGetKey;
  readonly atMs: number;
}

/** The issuer's keys: fetched when first needed, cached, and fetched again when they are old or a token names an unknown key. */
export class SigningKeys {
  readonly #parts: SigningKeysParts;
  readonly #allowance: FetchAllowance;
  #fetched: KeySet | undefined;
  #fetching: Promise<void> | undefined;
  #fetchesBegun = 0;

  constructor(parts: SigningKeysParts) {
    this.#parts = parts;
    this.#allowance = new FetchAllowance(parts.clock);
  }

  /** The number of fetches that have begun: a key set with a greater number is what the issuer published since. */
  get fetchesBegun(): number {
    return this.#fetchesBegun;
  }

  /** @throws VaultError `unavailable` if there are no keys */
  async current(): Promise<KeySet> {
    if (this.#age() >= keysFreshMs) await this.#renew();
    return this.#usable();
  }

  /** @throws VaultError `unavailable` if there are none, or none may be fetched yet */
  async newerThan(known: KeySet): Promise<KeySet> {
    await this.#refresh();
    const keys = this.#usable();
    if (keys.number <= known.number) throw this.notYet();
    return keys;
  }

  /** The refusal of a token that needs keys which may not be fetched yet, with the time to wait. */
  notYet(): VaultError {
    const retryAfterMs = Math.max(1, this.#allowance.waitMs);
    return new VaultError('unavailable', 'the keys of the token issuer are not available', { retryAfterMs });
  }

  /** While there are usable keys, no call waits for a slow issuer. */
  async #renew(): Promise<void> {
    const refreshed = this.#refresh();
    if (this.#age() >= keysUsableMs) await refreshed;
  }

  #usable(): KeySet {
    if (this.#fetched && this.#age() < keysUsableMs) return this.#fetched;
    throw this.notYet();
  }

  #age(): number {
    return this.#fetched ? this.#msSince(this.#fetched.atMs) : Number.POSITIVE_INFINITY;
  }

  /** A call during a fetch waits for that fetch. */
  async #refresh(): Promise<void> {
    if (!this.#fetching) {
      if (this.#allowance.waitMs > 0) return;
      this.#allowance.take();
      this.#fetchesBegun += 1;
      this.#fetching = this.#fetch(this.#fetchesBegun).finally(() => (this.#fetching = undefined));
    }
    await this.#fetching;
  }

  /** Never fails, because no call may be waiting for it: earlier keys stay, and the log has the reason. */
  async #fetch(number: number): Promise<void> {
    try {
      this.#fetched = { number, select: await this.#parts.fetchKeys(), atMs: this.#nowMs() };
    } catch (error) {
      this.#allowance.fail();
      const why = error instanceof IssuerDocumentError ? { problem: error.message } : { err: error };
      this.#parts.log.warn(why, "the token issuer's keys could not be fetched");
    }
  }

  /** The absolute difference: otherwise nothing would be fetched after the clock was set back. */
  #msSince(timeMs: number): number {
    return Math.abs(this.#nowMs() - timeMs);
  }

  #nowMs(): number {
    return this.#parts.clock.now().getTime();
  }
}

/** How many fetches are allowed at once; another one is allowed each `keysCooldownMs`. */
export const fetchesAtOnceMax = 4;

/** After how many milliseconds another fetch is allowed; also the least time after a failed one. */
export const keysCooldownMs = 10_000;

/** Limits fetches: callers without authentication can send tokens with any number of unknown key ids. */
class FetchAllowance {
  readonly #clock: Clock;
  /** The allowance after the last fetch. */
  #left = fetchesAtOnceMax;
  #takenAtMs = Number.NEGATIVE_INFINITY;
  #hasFailed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** After how many milliseconds a fetch is allowed; 0 if it is now. */
  get waitMs(): number {
    if (this.#hasFailed) return Math.max(0, keysCooldownMs - this.#sinceMs());
    return Math.max(0, Math.ceil((1 - this.#present()) * keysCooldownMs));
  }

  /** Counts a fetch that begins. It counts as successful until `fail`. */
  take(): void {
    this.#left = Math.max(0, this.#present() - 1);
    this.#takenAtMs = this.#clock.now().getTime();
    this.#hasFailed = false;
  }

  /** Marks the last fetch as failed: the next one must wait, so that a failing issuer is not overloaded. */
  fail(): void {
    this.#hasFailed = true;
  }

  #present(): number {
    return Math.min(fetchesAtOnceMax, this.#left + this.#sinceMs() / keysCooldownMs);
  }

  /** The absolute difference: otherwise nothing would be fetched after the clock was set back. */
  #sinceMs(): number {
    return Math.abs(this.#clock.now().getTime() - this.#takenAtMs);
  }
}
