import { errors, type JWTHeaderParameters, type JWTPayload } from 'jose';

/** How far the issuer's clock and ours may be apart, in seconds. */
export const clockSkewSeconds = 60;

/** What an access token's `typ` may be, in lower case and without `application/`. @see https://www.rfc-editor.org/rfc/rfc9068#section-2.1 */
const tokenTypes = new Set(['at+jwt', 'jwt']);

/** Neither empty nor long, without control characters and lone surrogates. */
const namePattern = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** Accepts the value of a header parameter or claim, which may be of any type of JSON, or undefined where it is absent. */
type Rule = (value: unknown, nowSeconds: number) => boolean;

const headerRules: Readonly<Record<string, Rule>> = {
  // A token without a type passes, since several issuers leave it out.
  typ: (value) => value === undefined || isTokenType(value),
  kid: (value) => value === undefined || isName(value),
};

/** The types of claims, beside what jose checks: the values of `iss` and `aud`, `exp` and `nbf`. */
const claimRules: Readonly<Record<string, Rule>> = {
  sub: isName,
  aud: (value) => [value].flat().every((item) => typeof item === 'string'),
  // JSON can write numbers that are infinite once they are read: 1e400.
  exp: isFiniteNumber,
  nbf: (value) => value === undefined || isFiniteNumber(value),
  iat: (value, nowSeconds) => value === undefined || (isFiniteNumber(value) && value <= nowSeconds + clockSkewSeconds),
  // Such a token is good only together with a key of its holder, which nothing here asks for.
  cnf: (value) => value === undefined,
};

/** Says which header parameter is not acceptable; undefined where all are. */
export function findHeaderFault(header: JWTHeaderParameters): string | undefined {
  const name = Object.keys(headerRules).find((candidate) => !headerRules[candidate]?.(header[candidate], 0));
  return name && `the header parameter ${name} is of another type or not acceptable`;
}

/** Says which claim is not acceptable; undefined where all are. */
export function findClaimFault(claims: JWTPayload, nowSeconds: number): string | undefined {
  const name = Object.keys(claimRules).find((candidate) => !claimRules[candidate]?.(claims[candidate], nowSeconds));
  return name && `the claim ${name} is missing, of another type or not acceptable`;
}

const reasons: Readonly<Record<string, string>> = {
  [errors.JOSEAlgNotAllowed.code]: 'the algorithm is not allowed',
  [errors.JWKSMultipleMatchingKeys.code]: 'several keys of the issuer fit the token, which names none',
  [errors.JWKSNoMatchingKey.code]: 'no key of the issuer fits the key id and the algorithm',
  [errors.JWSInvalid.code]: 'the token is malformed',
  [errors.JWSSignatureVerificationFailed.code]: 'the signature does not verify',
  [errors.JWTInvalid.code]: 'the claims are no JSON object',
};

/** Why jose refused a token, for the log: nothing of the token is quoted. */
export function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTClaimValidationFailed) return `the claim ${error.claim} is not acceptable`;
  return reasons[error.code] ?? error.code;
}

function isTokenType(value: unknown): boolean {
  return typeof value === 'string' && tokenTypes.has(value.toLowerCase().replace(/^application\//, ''));
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && namePattern.test(value);
}

function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}
