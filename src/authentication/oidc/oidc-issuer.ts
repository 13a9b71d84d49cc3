import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload, type JWTVerifyResult } from 'jose';
import { VaultError, invalidToken } from '../../vault/errors.ts';
import type { Clock } from '../../vault/time.ts';
import { fetchSigningKeys, type Fetch } from './issuer-documents.ts';
import { SigningKeys, type IssuerLog, type KeySet } from './signing-keys.ts';
import { clockSkewSeconds, findClaimFault, findHeaderFault, reasonOf } from './token-faults.ts';

/** Signatures by public keys only: neither `none`, nor a MAC, for which a public key could be used as its key. */
const algorithms = ['RS256', 'RS384', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

/** Which tokens are accepted. */
export interface OidcIssuerOptions {
  /** The value of `iss`. */
  readonly issuer: string;
  /** The value that `aud` must contain. */
  readonly audience: string;
  readonly clock: Clock;
  readonly log: IssuerLog;
  /** Requests the issuer's documents; `fetch` where absent. */
  readonly ask?: Fetch | undefined;
}

/** The claims of a verified token; its `sub` has at most 255 characters and no control characters. */
export interface VerifiedToken {
  readonly subject: string;
  readonly claims: JWTPayload;
}

/** Verifies access tokens that one issuer signed for one audience. */
export class OidcIssuer {
  /** The value of `iss`. */
  readonly name: string;
  readonly #options: OidcIssuerOptions;
  readonly #keys: SigningKeys;

  constructor(options: OidcIssuerOptions) {
    this.name = options.issuer;
    this.#options = options;
    const { ask = fetch, clock, log, issuer } = options;
    this.#keys = new SigningKeys({ clock, log, fetchKeys: () => fetchSigningKeys(issuer, ask) });
  }

  /**
   * @throws VaultError `token_invalid`, `token_expired`, or `unavailable` if the issuer's keys cannot be fetched now
   * @see https://www.rfc-editor.org/rfc/rfc8725 for the checks
   */
  async verify(token: string): Promise<VerifiedToken> {
    try {
      const { payload: claims } = await this.#verifyByKeys(token);
      const { sub: subject } = claims;
      const fault = findClaimFault(claims, this.#nowSeconds());
      if (subject === undefined || fault !== undefined) throw invalidToken(fault ?? 'there is no subject');
      return { subject, claims };
    } catch (error) {
      if (error instanceof VaultError) throw error;
      if (error instanceof errors.JWTExpired) throw new VaultError('token_expired', 'Token expired');
      if (error instanceof errors.JOSEError) throw invalidToken(reasonOf(error));
      // Any other error means that a key of the issuer cannot be used.
      this.#options.log.warn({}, 'a key of the token issuer is damaged or too weak');
      throw invalidToken('the key of the issuer is damaged or too weak');
    }
  }

  /**
   * A token is refused for its key only with keys that were fetched after it arrived: the issuer may have started to use a new
   * key.
   *
   * @see docs/decisions/0029-new-signing-keys.md
   */
  async #verifyByKeys(token: string): Promise<JWTVerifyResult> {
    const cameAt = this.#keys.fetchesBegun;
    let used: KeySet | undefined;
    try {
      return await this.#verifyBy(token, async () => (used = await this.#keys.current()));
    } catch (error) {
      if (used === undefined || used.number > cameAt || !this.#mayBeOfNewKey(token, error)) throw error;
      const newer = await this.#keys.newerThan(used);
      return this.#verifyBy(token, async () => newer).catch((again: unknown) => {
        throw newer.number > cameAt || !this.#mayBeOfNewKey(token, again) ? again : this.#keys.notYet();
      });
    }
  }

  #verifyBy(token: string, keys: () => Promise<KeySet>): Promise<JWTVerifyResult> {
    const { issuer, audience, clock } = this.#options;
    return jwtVerify(
      token,
      async (header, jws) => {
        const fault = findHeaderFault(header);
        if (fault !== undefined) throw invalidToken(fault);
        return (await keys()).select(header, jws);
      },
      {
        issuer,
        audience,
        algorithms,
        clockTolerance: clockSkewSeconds,
        currentDate: clock.now(),
        requiredClaims: ['exp', 'sub'],
      },
    );
  }

  /** Whether no known key matches the token, so that a new key might. */
  #mayBeOfNewKey(token: string, error: unknown): boolean {
    const isOfUnknownKey =
      error instanceof errors.JWKSNoMatchingKey ||
      (error instanceof errors.JWSSignatureVerificationFailed && decodeProtectedHeader(token).kid === undefined);
    if (!isOfUnknownKey) return false;
    const { iss, exp } = decodeJwt(token);
    // Other tokens would be refused with any key.
    return iss === this.name && Number.isFinite(exp) && Number(exp) > this.#nowSeconds() - clockSkewSeconds;
  }

  #nowSeconds(): number {
    return this.#options.clock.now().getTime() / 1_000;
  }
}
