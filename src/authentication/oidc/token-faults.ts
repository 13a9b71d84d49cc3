import { errors, type JWTHeaderParameters, type JWTPayload } from 'jose';

/** The accepted difference between the issuer's clock and ours, in seconds. */
export const clockSkewSeconds = 60;

/** The accepted values of `typ`, in lower case and without `application/`. @see https://www.rfc-editor.org/rfc/rfc9068#section-2.1 */
const tokenTypes = new Set(['at+jwt', 'jwt']);

/** 1 to 255 characters, without control characters and unpaired surrogates. */
const namePattern = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** Accepts or rejects the value of a header parameter or claim; undefined if it is absent. */
type Rule = (value: unknown, nowSeconds: number) => boolean;

const headerRules: Readonly<Record<string, Rule>> = {
  // Several issuers omit the type.
  typ: (value) => value === undefined || isTokenType(value),
  kid: (value) => value === undefined || isName(value),
};

/** Checks of claims besides those of jose: the values of `iss` and `aud`, `exp` and `nbf`. */
const claimRules: Readonly<Record<string, Rule>> = {
  sub: isName,
  aud: (value) => [value].flat().every((item) => typeof item === 'string'),
  // JSON numbers such as 1e400 are infinite when parsed.
  exp: isFiniteNumber,
  nbf: (value) => value === undefined || isFiniteNumber(value),
  iat: (value, nowSeconds) => value === undefined || (isFiniteNumber(value) && value <= nowSeconds + clockSkewSeconds),
  // Such a token is bound to a key of its holder, which is not supported.
  cnf: (value) => value === undefined,
};

/** Describes the first unacceptable header parameter; undefined if there is none. */
export function findHeaderFault(header: JWTHeaderParameters): string | undefined {
  const name = Object.keys(headerRules).find((candidate) => !headerRules[candidate]?.(header[candidate], 0));
  return name && `the header parameter ${name} is of another type or not acceptable`;
}

/** Describes the first unacceptable claim; undefined if there is none. */
export function findClaimFault(claims: JWTPayload, nowSeconds: number): string | undefined {
  const name = Object.keys(claimRules).find((candidate) => !claimRules[candidate]?.(claims[candidate], nowSeconds));
  return name && `the claim ${name} is missing, of another type or not acceptable`;
}

const reasons: Readonly<Record<string, string>> = {
  [errors.JOSEAlgNotAllowed.code]: 'the algorithm is not allowed',
  [errors.JWKSMultipleMatchingKeys.code]: 'several keys of the issuer match the token, which names none',
  [errors.JWKSNoMatchingKey.code]: 'no key of the issuer matches the key id and the algorithm',
  [errors.JWSInvalid.code]: 'the token is malformed',
  [errors.JWSSignatureVerificationFailed.code]: 'the signature does not verify',
  [errors.JWTInvalid.code]: 'the claims are not a JSON object',
};

/** Why jose refused a token, for the log; it quotes nothing of the token. */
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
