import type { Problem, RestAnswer, RestExchange } from '../../gateway/contract/dialect.ts';
import { quote } from '../../gateway/errors/refusal-limits.ts';
import { VaultError, type VaultErrorCode } from '../../vault/errors.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';
import { httpStatuses, renderBy, retryAfterHeader, type ProblemTable } from '../shared/errors.ts';
import { wrapFailure, type Failure } from './envelope.ts';

const validationFailed = {
  code: 422,
  errorCode: 'VALIDATION_ERROR',
  errorMessage: 'Request validation failed',
} as const;
const alreadyExists = { code: 400, errorCode: 'RESOURCE_ALREADY_EXISTS' } as const;
const internalError = { code: 500, errorCode: 'HTTP_500', errorMessage: 'Internal server error' } as const;

/**
 * What differs from the usual HTTP status, the code `HTTP_<status>` and the vault's message, which names fields and ids and
 * never a secret.
 */
const failuresByCode: { readonly [Code in VaultErrorCode]?: Partial<Failure> } = {
  token_missing: { errorMessage: 'Not authenticated' },
  token_invalid: { errorMessage: 'Invalid token' },
  token_expired: { errorMessage: 'Token expired' },
  password_wrong: { errorMessage: 'Not authenticated' },
  workspace_denied: { errorMessage: 'Workspace access denied' },
  not_found: { errorCode: 'RESOURCE_NOT_FOUND' },
  name_taken: alreadyExists,
  id_taken: alreadyExists,
  already_set_up: alreadyExists,
  invalid_argument: validationFailed,
  credential_inactive: { errorMessage: 'Credential is not active' },
  credential_expired: { errorMessage: 'Credential has expired' },
  secret_unreadable: internalError,
  resource_exhausted: { errorMessage: 'User rate limit exceeded' },
  unavailable: { errorMessage: 'Service unavailable' },
  deadline_exceeded: { errorMessage: 'Gateway timeout' },
  canceled: { errorMessage: 'Client closed request' },
};

/** By reason: errors that MiniFlow does not answer as failures of validation. */
const failuresByReason: ReadonlyMap<string, Partial<Failure>> = new Map([
  ['INVALID_INPUT', { code: 400, errorCode: 'INVALID_INPUT' }],
  ['REQUEST_ID_REUSED', { code: 400, errorCode: 'HTTP_400' }],
  ['WORKSPACE_ID_MALFORMED', { code: 400, errorCode: 'HTTP_400' }],
  ['SEALED', { errorCode: 'SEALED', errorMessage: 'Service unavailable: the vault is sealed' }],
]);

/**
 * Accepts a workspace id in MiniFlow's form only.
 *
 * @throws VaultError `invalid_argument`
 */
export function checkWorkspaceSpelling(text: string): void {
  if (/^WSP-[A-F0-9]{16}$/.test(text)) return;
  const message = `Invalid workspace ID format. Expected: WSP-[16 hex chars], got: ${quote(text)}`;
  throw new VaultError('invalid_argument', message, { field: 'workspace_id', reason: 'WORKSPACE_ID_MALFORMED' });
}

const unsupportedEncoding: Failure = { code: 415, errorCode: 'HTTP_415', errorMessage: 'Unsupported Media Type' };

const failures: ProblemTable<Failure> = {
  vault: ({ error }) => vaultFailure(error),
  invalid_request: () => validationFailed,
  malformed_json: () => validationFailed,
  // The only validation error that names its place, since the client cannot find it by the schema.
  unstorable_json: ({ flaw }) => ({
    ...validationFailed,
    errorMessage: `${validationFailed.errorMessage}: ${describeTextFlaw(flaw)}`,
  }),
  body_missing: () => validationFailed,
  body_not_object: ({ contentEncoding }) => (contentEncoding === undefined ? validationFailed : unsupportedEncoding),
  body_too_large: ({ bytesMax }) => ({
    code: 413,
    errorCode: 'HTTP_413',
    errorMessage: `Request body must be at most ${bytesMax} bytes`,
  }),
  route_not_found: () => ({ code: 404, errorCode: 'HTTP_404', errorMessage: 'Not Found' }),
  method_not_allowed: () => ({ code: 405, errorCode: 'HTTP_405', errorMessage: 'Method Not Allowed' }),
  internal: () => internalError,
};

/** Renders a problem in MiniFlow's envelope. @see seed 004 */
export function renderProblem(problem: Problem, exchange: RestExchange): RestAnswer {
  const failure = renderBy(failures, problem);
  return { status: failure.code, headers: headersOf(problem, failure), body: wrapFailure(failure, exchange) };
}

function vaultFailure({ code, message, details }: VaultError): Failure {
  const { id = '', reason = '', resource } = details;
  const status = httpStatuses[code];
  const errorMessage = code === 'not_found' && resource === 'credential' ? absence(id) : message;
  const specific = failuresByReason.get(reason) ?? failuresByCode[code];
  return { code: status, errorCode: `HTTP_${status}`, errorMessage, ...specific };
}

function absence(id: string): string {
  return `The requested Credential with ID '${id}' could not be found. Please verify the identifier and try again.`;
}

function headersOf(problem: Problem, { code }: Failure): Readonly<Record<string, string>> {
  return {
    ...(code === 401 && { 'www-authenticate': 'Bearer' }),
    ...(code === 415 && { 'accept-encoding': 'identity' }),
    ...(problem.kind === 'method_not_allowed' && { allow: problem.allow.join(', ') }),
    ...(problem.kind === 'vault' && retryAfterHeader(problem.error.details)),
  };
}
