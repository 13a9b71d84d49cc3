import { errors, type JWTVerifyGetKey } from 'jose';
import { VaultError } from '../../vault/errors.ts';
import type { Clock } from '../../vault/ports.ts';
import { IssuerDocumentError } from './issuer-documents.ts';

/** After so long the keys are fetched anew, in milliseconds. */
export const keysFreshMs = 600_000;
/** While the issuer can't be reached, its keys stay good for so long, in milliseconds. */
export const keysUsableMs = 3_600_000;
/** The least time from one fetch to the next, in milliseconds: made-up key ids must not make us hammer the issuer. */
export const keysCooldownMs = 10_000;

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

interface Fetched {
  readonly select: JWTVerifyGetKey;
  readonly atMs: number;
}

/** The issuer's keys: fetched when first needed, kept, and fetched anew when they are old or a token names another one. */
export class SigningKeys {
  readonly #parts: SigningKeysParts;
  #fetched: Fetched | undefined;
  #fetching: Promise<void> | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: SigningKeysParts) {
    this.#parts = parts;
  }

  /**
   * Finds the key that a token's header names.
   *
   * @throws VaultError `unavailable` where there are no keys, JOSEError where none of them fits
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.#age() >= keysFreshMs) await this.#renew();
    const before = this.#usable();
    try {
      return await before.select(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#refresh();
      const after = this.#usable();
      if (after === before) throw error;
      return after.select(header, token);
    }
  };

  /** Nobody waits for a slow issuer while there are keys that are good enough. */
  async #renew(): Promise<void> {
    const refreshed = this.#refresh();
    if (this.#age() >= keysUsableMs) await refreshed;
  }

  #usable(): Fetched {
    if (this.#fetched && this.#age() < keysUsableMs) return this.#fetched;
    throw new VaultError('unavailable', 'the issuer of the token can not be reached', { retryAfterMs: keysCooldownMs });
  }

  #age(): number {
    return this.#fetched ? this.#msSince(this.#fetched.atMs) : Number.POSITIVE_INFINITY;
  }

  /** Whoever comes while a fetch is under way waits for that one. */
  async #refresh(): Promise<void> {
    if (!this.#fetching) {
      if (this.#msSince(this.#triedAtMs) < keysCooldownMs) return;
      this.#triedAtMs = this.#nowMs();
      this.#fetching = this.#fetch().finally(() => (this.#fetching = undefined));
    }
    await this.#fetching;
  }

  /** Never fails, since perhaps nobody waits for it: what was fetched before stays, and the log says why. */
  async #fetch(): Promise<void> {
    try {
      this.#fetched = { select: await this.#parts.fetchKeys(), atMs: this.#nowMs() };
    } catch (error) {
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
