import type { Problem, RestAnswer, RestExchange } from '../../gateway/contract/dialect.ts';
import type { FaultList } from '../../gateway/messages/fault-list.ts';
import type { VaultError, VaultErrorCode } from '../../vault/errors.ts';
import { describeFaults, isUnset, type ProblemTable, renderBy } from '../shared/errors.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';
import { valuesRequired } from './mapping.ts';

/** The status of a refusal, and Fishnet's own words for it; without them the vault's are shown. */
interface Rendering {
  readonly status: number;
  readonly words?: string;
}

const noHeader = 'missing or invalid authorization header';
const tokenRefused: Rendering = { status: 401, words: 'invalid or expired session token' };

const renderings: Record<VaultErrorCode, Rendering> = {
  token_missing: { status: 401, words: noHeader },
  token_invalid: tokenRefused,
  token_expired: tokenRefused,
  password_wrong: { status: 401, words: 'invalid password' },
  login_throttled: { status: 429, words: 'too many failed login attempts' },
  permission_denied: { status: 403 },
  workspace_denied: { status: 403 },
  not_found: { status: 404, words: 'credential not found' },
  name_taken: { status: 409 },
  id_taken: { status: 409 },
  already_set_up: { status: 409, words: 'password already configured' },
  invalid_argument: { status: 400 },
  etag_stale: { status: 409 },
  credential_inactive: { status: 403 },
  credential_expired: { status: 403 },
  secret_unreadable: { status: 500 },
  resource_exhausted: { status: 429 },
  unavailable: { status: 503 },
  deadline_exceeded: { status: 504 },
  canceled: { status: 499 },
};

const answers: ProblemTable<RestAnswer> = {
  vault: ({ error }) => vaultAnswer(error),
  invalid_request: (list) => answer(400, wordsForFaults(list)),
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
 * Renders a failure as Fishnet does: `{"error":"…"}`, with `retry_after_seconds` where waiting helps.
 *
 * @see seed 001
 */
export function renderProblem(problem: Problem, exchange?: Pick<RestExchange, 'hasOtherScheme'>): RestAnswer {
  const isTokenRefused = problem.kind === 'vault' && renderings[problem.error.code] === tokenRefused;
  if (isTokenRefused && exchange?.hasOtherScheme) return answer(401, noHeader);
  return renderBy(answers, problem);
}

function vaultAnswer({ code, message, details }: VaultError): RestAnswer {
  const { status, words } = renderings[code];
  // The core names the member; Fishnet has a sentence for it.
  const error = details.field === 'confirm' ? 'passwords do not match' : (words ?? message);
  if (details.retryAfterMs === undefined) return answer(status, error);
  const seconds = Math.ceil(details.retryAfterMs / 1_000);
  return { status, headers: { 'retry-after': String(seconds) }, body: { error, retry_after_seconds: seconds } };
}

function wordsForFaults(list: FaultList): string {
  return list.faults.some(isUnset) ? valuesRequired : describeFaults(list);
}

function answer(status: number, error: string): RestAnswer {
  return { status, body: { error } };
}
