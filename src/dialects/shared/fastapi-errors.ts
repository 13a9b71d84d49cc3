import type { Problem, RestAnswer } from '../../gateway/contract/dialect.ts';
import type { VaultError, VaultErrorCode } from '../../vault/errors.ts';
import type { JsonValue } from '../../vault/json.ts';
import { fastApiFaults } from './fastapi-faults.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';
import { renderBy, type ProblemTable } from './errors.ts';

/** What differs between the dialects whose originals are FastAPI applications. */
export interface FastApiErrorStyle {
  /** The scheme that a 401 asks for in `www-authenticate`. */
  readonly challenge: string;
  /** Headers of a conflict, whatever it is. */
  readonly onConflict?: Readonly<Record<string, string>>;
  /** What is said where a credential is absent. */
  readonly notFound: string;
  /** Members of the wire by the vault's names of the same: `name` may be called `label`. */
  readonly members: Readonly<Record<string, string>>;
  /** The same for those that are parameters of the query: `after` may be called `starting_after`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** `detail` is left to the error where it is undefined: its message names fields and ids, never a secret. */
interface Rendering {
  readonly status: number;
  readonly detail?: string;
}

const renderings: Record<VaultErrorCode, Rendering> = {
  token_missing: { status: 401, detail: 'Not authenticated' },
  token_invalid: { status: 401, detail: 'Not authenticated' },
  token_expired: { status: 401, detail: 'Not authenticated' },
  password_wrong: { status: 401, detail: 'Not authenticated' },
  login_throttled: { status: 429 },
  permission_denied: { status: 403 },
  workspace_denied: { status: 403 },
  not_found: { status: 404 },
  name_taken: { status: 409 },
  id_taken: { status: 409 },
  already_set_up: { status: 409 },
  invalid_argument: { status: 422 },
  etag_stale: { status: 409 },
  credential_inactive: { status: 403, detail: 'Credential is not active' },
  credential_expired: { status: 403, detail: 'Credential has expired' },
  secret_unreadable: { status: 500, detail: 'Internal Server Error' },
  resource_exhausted: { status: 429 },
  unavailable: { status: 503, detail: 'Service Unavailable' },
  deadline_exceeded: { status: 504, detail: 'Gateway Timeout' },
  canceled: { status: 499, detail: 'Client Closed Request' },
};

/**
 * Renders each problem as a FastAPI application does: `{"detail": "…"}`, or for a request that does not fit its model 422 with
 * one entry a fault.
 *
 * @see https://fastapi.tiangolo.com/tutorial/handling-errors/
 */
export function fastApiErrors(style: FastApiErrorStyle): (problem: Problem) => RestAnswer {
  const answers: ProblemTable<RestAnswer> = {
    vault: ({ error }) => renderVaultError(error, style),
    invalid_request: (list) => unprocessable(fastApiFaults(list)),
    malformed_json: ({ offset, reason }) => unprocessable([malformedJson(offset, reason)]),
    unstorable_json: ({ flaw }) => unprocessable([malformedJson(flaw.offset, describeTextFlaw(flaw))]),
    body_missing: () => unprocessable([{ type: 'missing', loc: ['body'], msg: 'Field required', input: null }]),
    body_not_object: ({ contentEncoding }) =>
      contentEncoding === undefined
        ? unprocessable([bodyNotObject])
        : answer(415, 'Unsupported Media Type', { 'accept-encoding': 'identity' }),
    body_too_large: ({ bytesMax }) => answer(413, `Request body must be at most ${bytesMax} bytes`),
    route_not_found: () => answer(404, 'Not Found'),
    method_not_allowed: ({ allow }) => answer(405, 'Method Not Allowed', { allow: allow.join(', ') }),
    internal: () => answer(500, 'Internal Server Error'),
  };
  return (problem) => renderBy(answers, problem);
}

/** The body may be a secret as a whole, so that nothing of it is shown. */
const bodyNotObject = {
  type: 'model_attributes_type',
  loc: ['body'],
  msg: 'Input should be a valid dictionary or object to extract fields from',
  input: '[redacted]',
} as const;

function malformedJson(offset: number, reason: string): JsonValue {
  return { type: 'json_invalid', loc: ['body', offset], msg: 'JSON decode error', input: {}, ctx: { error: reason } };
}

function renderVaultError(error: VaultError, style: FastApiErrorStyle): RestAnswer {
  const { status, detail } = renderings[error.code];
  if (error.code === 'invalid_argument') return unprocessable([valueError(error, style)]);
  if (error.code === 'not_found' && error.details.resource === 'credential') return answer(status, style.notFound);
  return answer(status, detail ?? error.message, headersOf(status, error, style));
}

function headersOf(status: number, error: VaultError, style: FastApiErrorStyle): Readonly<Record<string, string>> {
  const { retryAfterMs } = error.details;
  return {
    ...(status === 401 && { 'www-authenticate': style.challenge }),
    ...(status === 409 && style.onConflict),
    ...(retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
  };
}

/** A limit of the vault's own, which the model does not know; the member's value is not at hand, and may be a secret. */
function valueError(error: VaultError, { members, parameters }: FastApiErrorStyle): JsonValue {
  const { field } = error.details;
  if (field === undefined) return { type: 'value_error', loc: ['body'], msg: `Value error, ${error.message}` };
  const complaint = error.message.startsWith(`${field} `) ? error.message.slice(field.length + 1) : error.message;
  const parameter = parameters[field];
  const loc = parameter === undefined ? ['body', members[field] ?? field] : ['query', parameter];
  return { type: 'value_error', loc, msg: `Value error, ${complaint}` };
}

function unprocessable(entries: readonly JsonValue[]): RestAnswer {
  return answer(422, entries);
}

function answer(status: number, detail: JsonValue, headers: Readonly<Record<string, string>> = {}): RestAnswer {
  return { status, headers, body: { detail } };
}
