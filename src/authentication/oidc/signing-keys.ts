import type { Clock } from '../../vault/time.ts';
import type { JWTVerifyGetKey } from 'jose';
import { VaultError } from '../../vault/errors.ts';
import { IssuerDocumentError } from './issuer-documents.ts';

/** After so long the keys are fetched anew, in milliseconds. */
export const keysFreshMs = 600_000;
/** While the issuer can't be reached, its keys stay good for so long, in milliseconds. */
export const keysUsableMs = 3_600_000;

/** Where the issuer's troubles are reported to; a pino logger is one. */
export interface IssuerLog {
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
}

/** What the keys are had with. */
export interface SigningKeysParts {
  /** @throws IssuerDocumentError */
  readonly fetchKeys: () => Promise<JWTVerifyGetKey>;
  readonly clock: Clock;
  readonly log: IssuerLog;
}

/** The keys that one fetch brought. */
export interface KeySet {
  /** Of its fetch: the first one is 1. */
  readonly number: number;
  readonly select: JWTVerifyGetKey;
  readonly atMs: number;
}

/** The issuer's keys: fetched when first needed, kept, and fetched anew when they are old or a token names another one. */
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

  /** How many fetches have begun: a key set with a greater number holds what the issuer published since. */
  get fetchesBegun(): number {
    return this.#fetchesBegun;
  }

  /** @throws VaultError `unavailable` where there are no keys */
  async current(): Promise<KeySet> {
    if (this.#age() >= keysFreshMs) await this.#renew();
    return this.#usable();
  }

  /** @throws VaultError `unavailable` where there are none, or none may be fetched yet */
  async newerThan(known: KeySet): Promise<KeySet> {
    await this.#refresh();
    const keys = this.#usable();
    if (keys.number <= known.number) throw this.notYet();
    return keys;
  }

  /** The refusal of what only keys can decide that may not be fetched yet; it says when they may. */
  notYet(): VaultError {
    const retryAfterMs = Math.max(1, this.#allowance.waitMs);
    return new VaultError('unavailable', 'the keys of the token issuer are not at hand', { retryAfterMs });
  }

  /** No call waits for a slow issuer while there are keys that are good enough. */
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

  /** A call that comes while a fetch is under way waits for that one. */
  async #refresh(): Promise<void> {
    if (!this.#fetching) {
      if (this.#allowance.waitMs > 0) return;
      this.#allowance.take();
      this.#fetchesBegun += 1;
      this.#fetching = this.#fetch(this.#fetchesBegun).finally(() => (this.#fetching = undefined));
    }
    await this.#fetching;
  }

  /** Never fails, since perhaps no call waits for it: what was fetched before stays, and the log has the reason. */
  async #fetch(number: number): Promise<void> {
    try {
      this.#fetched = { number, select: await this.#parts.fetchKeys(), atMs: this.#nowMs() };
    } catch (error) {
      this.#allowance.fail();
      const why = error instanceof IssuerDocumentError ? { problem: error.message } : { err: error };
      this.#parts.log.warn(why, "the token issuer's keys could not be fetched");
    }
  }

  /** A clock that was set back counts as well: otherwise nothing would be fetched until it has caught up. */
  #msSince(timeMs: number): number {
    return Math.abs(this.#nowMs() - timeMs);
  }

  #nowMs(): number {
    return this.#parts.clock.now().getTime();
  }
}

/** Bounds how often the issuer is asked: so many times at once, and once more each `keysCooldownMs`. */
export const fetchesAtOnceMax = 4;

/** The time in which one more fetch is allowed, and after a failure the least time to the next one, in milliseconds. */
export const keysCooldownMs = 10_000;

/** Decides when the issuer may be asked for its keys: callers without authentication make up key ids, which it may not have. */
export class FetchAllowance {
  readonly #clock: Clock;
  /** What was left of it at the last fetch. */
  #left = fetchesAtOnceMax;
  #takenAtMs = Number.NEGATIVE_INFINITY;
  #hasFailed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In how many milliseconds a fetch is allowed; 0 is now. */
  get waitMs(): number {
    if (this.#hasFailed) return Math.max(0, keysCooldownMs - this.#sinceMs());
    return Math.max(0, Math.ceil((1 - this.#present()) * keysCooldownMs));
  }

  /** Counts a fetch that begins, until `fail` as one that succeeds. */
  take(): void {
    this.#left = Math.max(0, this.#present() - 1);
    this.#takenAtMs = this.#clock.now().getTime();
    this.#hasFailed = false;
  }

  /** Notes that the last one has failed: an issuer in trouble is left in peace. */
  fail(): void {
    this.#hasFailed = true;
  }

  #present(): number {
    return Math.min(fetchesAtOnceMax, this.#left + this.#sinceMs() / keysCooldownMs);
  }

  /** A clock that was set back counts as well: otherwise nothing would be fetched until it has caught up. */
  #sinceMs(): number {
    return Math.abs(this.#clock.now().getTime() - this.#takenAtMs);
  }
}
