import type { Problem, RestAnswer, RestExchange } from '../../gateway/contract/dialect.ts';
import type { FaultList } from '../../gateway/messages/fault-list.ts';
import type { VaultError, VaultErrorCode } from '../../vault/errors.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';
import {
  describeFaults,
  httpStatuses,
  isUnset,
  renderBy,
  retryAfterHeader,
  type ProblemTable,
} from '../shared/errors.ts';
import { valuesRequired } from './mapping.ts';

const missingHeader = 'missing or invalid authorization header';
const invalidToken = 'invalid or expired session token';

/** Fishnet's messages; other errors show the vault's. */
const messages: { readonly [Code in VaultErrorCode]?: string } = {
  token_missing: missingHeader,
  token_invalid: invalidToken,
  token_expired: invalidToken,
  password_wrong: 'invalid password',
  login_throttled: 'too many failed login attempts',
  not_found: 'credential not found',
  already_set_up: 'password already configured',
};

const answers: ProblemTable<RestAnswer> = {
  vault: ({ error }) => vaultAnswer(error),
  invalid_request: (list) => answer(400, describe(list)),
  malformed_json: ({ offset }) => answer(400, `request body is not JSON from character ${offset} on`),
  unstorable_json: ({ flaw }) => answer(400, describeTextFlaw(flaw)),
  body_missing: () => answer(400, valuesRequired),
  body_not_object: ({ contentEncoding }) =>
    contentEncoding === undefined
      ? answer(400, 'request body must be a JSON object')
      : { ...answer(415, 'request body must not be encoded'), headers: { 'accept-encoding': 'identity' } },
  body_too_large: ({ bytesMax }) => answer(413, `request body must be at most ${bytesMax} bytes`),
  route_not_found: () => answer(404, 'not found'),
  method_not_allowed: ({ allow }) => ({
    ...answer(405, 'method not allowed'),
    headers: { allow: allow.join(', ') },
  }),
  internal: () => answer(500, 'internal error'),
};

/**
 * Renders a problem as Fishnet does: `{"error":"…"}`, with `retry_after_seconds` where a retry may succeed.
 *
 * @see seed 001
 */
export function renderProblem(problem: Problem, exchange?: Pick<RestExchange, 'hasOtherScheme'>): RestAnswer {
  const isInvalidToken = problem.kind === 'vault' && messages[problem.error.code] === invalidToken;
  if (isInvalidToken && exchange?.hasOtherScheme) return answer(401, missingHeader);
  return renderBy(answers, problem);
}

function vaultAnswer({ code, message, details }: VaultError): RestAnswer {
  const { status, body } = answer(httpStatuses[code], messages[code] ?? message);
  if (details.field === 'confirm') return answer(status, 'passwords do not match');
  if (details.retryAfterMs === undefined) return { status, body };
  const retryAfterSeconds = Math.ceil(details.retryAfterMs / 1_000);
  return { status, headers: retryAfterHeader(details), body: { ...body, retry_after_seconds: retryAfterSeconds } };
}

function describe(list: FaultList): string {
  return list.faults.some(isUnset) ? valuesRequired : describeFaults(list);
}

function answer(status: number, error: string) {
  return { status, body: { error } };
}
