import type { Problem, RestAnswer, RestExchange } from '../../gateway/contract/dialect.ts';
import { quote } from '../../gateway/errors/refusal-limits.ts';
import { VaultError, type VaultErrorCode } from '../../vault/errors.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';
import { type ProblemTable, renderBy } from '../shared/errors.ts';
import { wrapFailure, type Failure } from './envelope.ts';

/** `errorMessage` is left to the error where it is undefined: its message names fields and ids, never a secret. */
type Rendering = Omit<Failure, 'errorMessage'> & Partial<Failure>;

const validationFailed = {
  code: 422,
  errorCode: 'VALIDATION_ERROR',
  errorMessage: 'Request validation failed',
} as const;
const internalError = { code: 500, errorCode: 'HTTP_500', errorMessage: 'Internal server error' } as const;

const renderings: Record<VaultErrorCode, Rendering> = {
  token_missing: { code: 401, errorCode: 'HTTP_401', errorMessage: 'Not authenticated' },
  token_invalid: { code: 401, errorCode: 'HTTP_401', errorMessage: 'Invalid token' },
  token_expired: { code: 401, errorCode: 'HTTP_401', errorMessage: 'Token expired' },
  password_wrong: { code: 401, errorCode: 'HTTP_401', errorMessage: 'Not authenticated' },
  login_throttled: { code: 429, errorCode: 'HTTP_429' },
  permission_denied: { code: 403, errorCode: 'HTTP_403' },
  workspace_denied: { code: 403, errorCode: 'HTTP_403', errorMessage: 'Workspace access denied' },
  not_found: { code: 404, errorCode: 'RESOURCE_NOT_FOUND' },
  name_taken: { code: 400, errorCode: 'RESOURCE_ALREADY_EXISTS' },
  id_taken: { code: 400, errorCode: 'RESOURCE_ALREADY_EXISTS' },
  already_set_up: { code: 400, errorCode: 'RESOURCE_ALREADY_EXISTS' },
  invalid_argument: validationFailed,
  etag_stale: { code: 409, errorCode: 'HTTP_409' },
  credential_inactive: { code: 403, errorCode: 'HTTP_403', errorMessage: 'Credential is not active' },
  credential_expired: { code: 403, errorCode: 'HTTP_403', errorMessage: 'Credential has expired' },
  secret_unreadable: internalError,
  resource_exhausted: { code: 429, errorCode: 'HTTP_429', errorMessage: 'User rate limit exceeded' },
  unavailable: { code: 503, errorCode: 'HTTP_503', errorMessage: 'Service unavailable' },
  deadline_exceeded: { code: 504, errorCode: 'HTTP_504', errorMessage: 'Gateway timeout' },
  canceled: { code: 499, errorCode: 'HTTP_499', errorMessage: 'Client closed request' },
};

/** Faults that are `invalid_argument` to the vault, but none of the schema to MiniFlow; they are told by their reason. */
const byReason: ReadonlyMap<string, Rendering> = new Map([
  ['INVALID_INPUT', { code: 400, errorCode: 'INVALID_INPUT' }],
  ['WORKSPACE_ID_MALFORMED', { code: 400, errorCode: 'HTTP_400' }],
]);

/** The refusal for a text that the schema lets pass and MiniFlow does not; `message` is shown as it is. */
export function invalidInput(field: string, message: string): VaultError {
  return new VaultError('invalid_argument', message, { field, reason: 'INVALID_INPUT' });
}

/**
 * Lets only MiniFlow's own spelling of a workspace's id pass.
 *
 * @throws VaultError `invalid_argument`
 */
export function checkWorkspaceSpelling(text: string): void {
  if (/^WSP-[A-F0-9]{16}$/.test(text)) return;
  const message = `Invalid workspace ID format. Expected: WSP-[16 hex chars], got: ${quote(text)}`;
  throw new VaultError('invalid_argument', message, { field: 'workspace_id', reason: 'WORKSPACE_ID_MALFORMED' });
}

/** No body is decoded. */
const encoded: Failure = { code: 415, errorCode: 'HTTP_415', errorMessage: 'Unsupported Media Type' };

const failures: ProblemTable<Failure> = {
  vault: ({ error }) => failureOfVaultError(error),
  invalid_request: () => validationFailed,
  malformed_json: () => validationFailed,
  // The one fault of the schema that names its place: a client cannot find it by the model alone.
  unstorable_json: ({ flaw }) => ({
    ...validationFailed,
    errorMessage: `${validationFailed.errorMessage}: ${describeTextFlaw(flaw)}`,
  }),
  body_missing: () => validationFailed,
  body_not_object: ({ contentEncoding }) => (contentEncoding === undefined ? validationFailed : encoded),
  body_too_large: ({ bytesMax }) => ({
    code: 413,
    errorCode: 'HTTP_413',
    errorMessage: `Request body must be at most ${bytesMax} bytes`,
  }),
  route_not_found: () => ({ code: 404, errorCode: 'HTTP_404', errorMessage: 'Not Found' }),
  method_not_allowed: () => ({ code: 405, errorCode: 'HTTP_405', errorMessage: 'Method Not Allowed' }),
  internal: () => internalError,
};

/** Renders each problem in MiniFlow's envelope. */
export function renderMiniflowProblem(problem: Problem, exchange: RestExchange): RestAnswer {
  const failure = renderBy(failures, problem);
  return { status: failure.code, headers: headersOf(problem, failure), body: wrapFailure(failure, exchange) };
}

function failureOfVaultError(error: VaultError): Failure {
  const { id = '', reason = '', resource } = error.details;
  const rendering = byReason.get(reason) ?? renderings[error.code];
  const isAbsent = error.code === 'not_found' && resource === 'credential';
  return { errorMessage: isAbsent ? absence(id) : error.message, ...rendering };
}

function absence(id: string): string {
  return `The requested Credential with ID '${id}' could not be found. Please verify the identifier and try again.`;
}

function headersOf(problem: Problem, { code }: Failure): Readonly<Record<string, string>> {
  const retryAfterMs = problem.kind === 'vault' ? problem.error.details.retryAfterMs : undefined;
  return {
    ...(code === 401 && { 'www-authenticate': 'Bearer' }),
    ...(code === 415 && { 'accept-encoding': 'identity' }),
    ...(problem.kind === 'method_not_allowed' && { allow: problem.allow.join(', ') }),
    ...(retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
  };
}
