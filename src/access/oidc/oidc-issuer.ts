import { errors, jwtVerify, type JWTHeaderParameters, type JWTPayload, type JWTVerifyResult } from 'jose';
import { VaultError } from '../../vault/errors.ts';
import type { Clock } from '../../vault/ports.ts';
import { invalidToken } from '../token-of-headers.ts';
import { fetchSigningKeys } from './fetch-signing-keys.ts';
import type { Fetch } from './issuer-documents.ts';
import { SigningKeys, type IssuerLog } from './signing-keys.ts';

/** Signatures by public keys alone: neither `none`, nor a MAC whose key a public one could be taken for. */
const algorithms = ['RS256', 'RS384', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];

/** How far the issuer's clock and ours may be apart, in seconds. */
const clockSkewSeconds = 60;

/** What an access token's `typ` may be, in lower case and without `application/`. @see https://www.rfc-editor.org/rfc/rfc9068#section-2.1 */
const tokenTypes = new Set(['at+jwt', 'jwt']);

/** Whose tokens are believed, and which of them. */
export interface OidcIssuerOptions {
  /** As `iss` says it. */
  readonly issuer: string;
  /** What `aud` must name. */
  readonly audience: string;
  readonly clock: Clock;
  readonly log: IssuerLog;
  /** Asks the issuer for its documents; `fetch` unless given. */
  readonly ask?: Fetch | undefined;
}

/** What a verified token says; its `sub` is at most 255 characters, none of them a control character. */
export interface VerifiedToken {
  readonly subject: string;
  readonly claims: JWTPayload;
}

/** Verifies access tokens that one issuer signed for one audience. */
export class OidcIssuer {
  /** As `iss` says it. */
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
   * @throws VaultError `token_invalid`, `token_expired`, or `unavailable` where the issuer's keys can't be had
   * @see https://www.rfc-editor.org/rfc/rfc8725 for what is checked, and why
   */
  async verify(token: string): Promise<VerifiedToken> {
    const { payload: claims, protectedHeader } = await this.#verifySignature(token);
    const { iat: issuedAt, sub: subject, cnf: confirmation } = claims;
    if (!isTypeOfAccessTokens(protectedHeader)) throw invalidToken();
    if (issuedAt !== undefined && issuedAt > this.#nowSeconds() + clockSkewSeconds) throw invalidToken();
    // Such a token is good only together with a key of its holder, which nothing here asks for.
    if (confirmation !== undefined) throw invalidToken();
    if (subject === undefined || !/^[^\p{Cc}\p{Cs}]{1,255}$/u.test(subject)) throw invalidToken();
    return { subject, claims };
  }

  async #verifySignature(token: string): Promise<JWTVerifyResult> {
    const { issuer, audience, clock, log } = this.#options;
    try {
      return await jwtVerify(token, this.#keys.find, {
        issuer,
        audience,
        algorithms,
        clockTolerance: clockSkewSeconds,
        currentDate: clock.now(),
        requiredClaims: ['exp', 'sub'],
      });
    } catch (error) {
      if (error instanceof VaultError) throw error;
      if (error instanceof errors.JWTExpired) throw new VaultError('token_expired', 'Token expired');
      // Anything else is a key of the issuer's that can't be used.
      if (!(error instanceof errors.JOSEError)) log.warn({}, 'a key of the token issuer is damaged or too weak');
      throw invalidToken();
    }
  }

  #nowSeconds(): number {
    return this.#options.clock.now().getTime() / 1_000;
  }
}

/** A token without a type passes, since several issuers leave it out; one that says it is something else does not. */
function isTypeOfAccessTokens({ typ: type }: JWTHeaderParameters): boolean {
  return type === undefined || tokenTypes.has(type.toLowerCase().replace(/^application\//, ''));
}
