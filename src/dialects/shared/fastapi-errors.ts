import { requestIdHeader } from '../../gateway/admission/request-ids.ts';
import type { Problem, RestAnswer } from '../../gateway/contract/dialect.ts';
import { isVaultSealed, type VaultError, type VaultErrorCode } from '../../vault/errors.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';
import type { JsonValue } from '../../vault/json.ts';
import { httpStatuses, renderBy, retryAfterHeader, type ProblemTable } from './errors.ts';
import { fastApiFaults } from './fastapi-faults.ts';

/** The differences between the dialects whose originals are FastAPI applications. */
export interface FastApiErrorStyle {
  /** The scheme in `www-authenticate` of a 401. */
  readonly challenge: string;
  /** Headers of every 409. */
  readonly onConflict?: Readonly<Record<string, string>>;
  /** The detail where a credential is absent. */
  readonly notFound: string;
  /** Members on the wire by the vault's name: `name` may be called `label`. */
  readonly members: Readonly<Record<string, string>>;
  /** Query parameters by the vault's name: `after` may be called `starting_after`. */
  readonly parameters: Readonly<Record<string, string>>;
}

const statuses: typeof httpStatuses = { ...httpStatuses, invalid_argument: 422 };

/** Fixed details; other errors show the vault's message, which names fields and ids and never a secret. */
const details: { readonly [Code in VaultErrorCode]?: string } = {
  token_missing: 'Not authenticated',
  token_invalid: 'Not authenticated',
  token_expired: 'Not authenticated',
  password_wrong: 'Not authenticated',
  credential_inactive: 'Credential is not active',
  credential_expired: 'Credential has expired',
  secret_unreadable: 'Internal Server Error',
  unavailable: 'Service Unavailable',
  deadline_exceeded: 'Gateway Timeout',
  canceled: 'Client Closed Request',
};

/**
 * Renders problems as a FastAPI application does: `{"detail": "…"}`, or 422 with one entry per fault for a request that its
 * model refuses.
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

/** The whole body may be a secret, so that none of it is shown. */
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
  if (error.code === 'invalid_argument') return unprocessable([valueError(error, style)]);
  const status = statuses[error.code];
  if (error.code === 'not_found' && error.details.resource === 'credential') return answer(status, style.notFound);
  const detail = isVaultSealed(error) ? 'Service Unavailable: the vault is sealed' : details[error.code];
  return answer(status, detail ?? error.message, {
    ...(status === 401 && { 'www-authenticate': style.challenge }),
    // A request in progress is the only conflict that is over after a while.
    ...(status === 409 && error.code !== 'request_in_progress' && style.onConflict),
    ...retryAfterHeader(error.details),
  });
}

/** A limit of the vault that the model does not have. The member's value is left out: it may be a secret. */
function valueError(error: VaultError, { members, parameters }: FastApiErrorStyle): JsonValue {
  const { field } = error.details;
  if (field === undefined) return { type: 'value_error', loc: ['body'], msg: `Value error, ${error.message}` };
  const msg = error.message.startsWith(`${field} `) ? error.message.slice(field.length + 1) : error.message;
  return { type: 'value_error', loc: placeOf(field), msg: `Value error, ${msg}` };

  function placeOf(name: string): JsonValue {
    if (name === requestIdHeader) return ['header', name];
    const parameter = parameters[name];
    return parameter === undefined ? ['body', members[name] ?? name] : ['query', parameter];
  }
}

function unprocessable(entries: readonly JsonValue[]): RestAnswer {
  return answer(422, entries);
}

function answer(status: number, detail: JsonValue, headers: Readonly<Record<string, string>> = {}): RestAnswer {
  return { status, headers, body: { detail } };
}
