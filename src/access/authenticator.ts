import type { Caller } from '../vault/caller.ts';
import type { ProofParts } from './proof.ts';
import { proofs } from './proofs.ts';
import { invalidToken, tokenOfHeaders } from './token-of-headers.ts';

/** Tells who is calling. */
export class Authenticator {
  readonly #parts: ProofParts;

  constructor(parts: ProofParts) {
    this.#parts = parts;
  }

  /**
   * Finds the caller by the token in the request's headers.
   *
   * @returns undefined where there is no token at all
   * @throws VaultError `token_invalid` or `token_expired`
   */
  async authenticate(headers: Headers, signal: AbortSignal): Promise<Caller | undefined> {
    const token = tokenOfHeaders(headers);
    if (token === undefined) return undefined;
    const proof = proofs.find(({ accepts }) => accepts(token));
    if (!proof) throw invalidToken();
    return proof.prove(token, this.#parts, signal);
  }
}
