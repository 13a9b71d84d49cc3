import { absentWorkspace, errorInfo, errorInfoToJson } from '../../gateway/errors/connect-errors.ts';
import type { Problem, RestAnswer } from '../../gateway/contract/dialect.ts';
import type { FaultList } from '../../gateway/messages/fault-list.ts';
import type { VaultError, VaultErrorCode } from '../../vault/errors.ts';
import { describeFaults, type ProblemTable, renderBy } from '../shared/errors.ts';
import { faultListBytesMax } from '../../gateway/errors/refusal-limits.ts';
import { describeTextFlaw, placeOfFlaw } from '../../vault/json-scan.ts';

/** Connect's names of the codes that the native API answers, each with its HTTP status. */
const statuses = {
  canceled: 499,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  aborted: 409,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
  unauthenticated: 401,
} as const;

type ConnectCode = keyof typeof statuses;

const codes: Record<VaultErrorCode, ConnectCode> = {
  token_missing: 'unauthenticated',
  token_invalid: 'unauthenticated',
  token_expired: 'unauthenticated',
  password_wrong: 'unauthenticated',
  login_throttled: 'resource_exhausted',
  permission_denied: 'permission_denied',
  workspace_denied: 'not_found',
  not_found: 'not_found',
  name_taken: 'already_exists',
  id_taken: 'already_exists',
  already_set_up: 'already_exists',
  invalid_argument: 'invalid_argument',
  etag_stale: 'aborted',
  credential_inactive: 'failed_precondition',
  credential_expired: 'failed_precondition',
  secret_unreadable: 'data_loss',
  resource_exhausted: 'resource_exhausted',
  unavailable: 'unavailable',
  deadline_exceeded: 'deadline_exceeded',
  canceled: 'canceled',
};

interface Failure {
  readonly code: ConnectCode;
  readonly message: string;
  /** Where it is another one than the code's. */
  readonly status?: number;
  readonly reason: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const jsonType = 'application/json';

const failures: ProblemTable<Failure> = {
  vault: ({ error }) => vaultFailure(error.code === 'workspace_denied' ? absentWorkspace(error) : error),
  invalid_request: faultFailure,
  malformed_json: ({ offset }) => refusedBody(`the body is not JSON from character ${offset} on`),
  unstorable_json: ({ flaw }) => ({
    code: 'invalid_argument',
    message: describeTextFlaw(flaw),
    reason: 'INVALID_ARGUMENT',
    metadata: { [placeOfFlaw(flaw)]: flaw.rule },
  }),
  body_missing: () => refusedBody('the body is missing'),
  body_not_object: ({ contentType, contentEncoding }) => {
    if (contentEncoding !== undefined)
      return unsupported('the body must not be encoded', { 'accept-encoding': 'identity' });
    if (contentType === undefined || contentType === jsonType) return refusedBody('the body must be a JSON object');
    return unsupported(`the content type must be ${jsonType}`, { accept: jsonType });
  },
  body_too_large: ({ bytesMax }) => ({
    code: 'resource_exhausted',
    message: `the body must be at most ${bytesMax} bytes`,
    status: 413,
    reason: 'BODY_TOO_LARGE',
  }),
  route_not_found: () => ({ code: 'not_found', message: 'no such path', reason: 'ROUTE_NOT_FOUND' }),
  method_not_allowed: ({ allow }) => ({
    code: 'unimplemented',
    message: 'this path has no such method',
    status: 405,
    reason: 'METHOD_NOT_ALLOWED',
    headers: { allow: allow.join(', ') },
  }),
  internal: () => ({ code: 'internal', message: 'internal error', reason: 'INTERNAL' }),
};

/**
 * Renders a failure as Connect does: `{"code":"not_found","message":"…","details":[…]}`, with a `google.rpc.ErrorInfo` as its
 * detail, and the HTTP status of the code.
 *
 * @see https://connectrpc.com/docs/protocol#error-codes
 */
export function renderProblem(problem: Problem): RestAnswer {
  const { code, message, status, reason, metadata, headers } = renderBy(failures, problem);
  const { type, value, debug } = errorInfoToJson(errorInfo(reason, metadata ?? {}));
  return {
    status: status ?? statuses[code],
    body: { code, message, details: [{ type, value, debug: { ...debug } }] },
    headers: { ...challenges[code], ...headers },
  };
}

const challenges: { readonly [Code in ConnectCode]?: Readonly<Record<string, string>> } = {
  unauthenticated: { 'www-authenticate': 'Bearer' },
};

function vaultFailure({ code, message, details }: VaultError): Failure {
  const { resource, id, field, etag, reason, retryAfterMs } = details;
  return {
    code: codes[code],
    message,
    reason: reason ?? code.toUpperCase(),
    metadata: { ...(resource && { resource }), ...(id && { id }), ...(field && { field }), ...(etag && { etag }) },
    ...(retryAfterMs !== undefined && { headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } }),
  };
}

/** Where not all faults fit, the first one stands in the metadata as well. */
function faultFailure(list: FaultList): Failure {
  const metadata = metadataOf(list.faults);
  const isCut = list.hasMore === true || bytesInAnswer(list, metadata) > faultListBytesMax;
  return {
    code: 'invalid_argument',
    message: describeFaults({ ...list, hasMore: isCut }),
    reason: 'INVALID_ARGUMENT',
    metadata: isCut ? metadataOf(list.faults.slice(0, 1)) : metadata,
  };
}

function metadataOf(faults: FaultList['faults']): Readonly<Record<string, string>> {
  return Object.fromEntries(faults.map(({ path, source, rule }) => [path.join('.') || source, rule]));
}

/** The message, and the metadata as JSON and as base64. */
function bytesInAnswer(list: FaultList, metadata: Readonly<Record<string, string>>): number {
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  return Buffer.byteLength(describeFaults(list)) + bytes + Math.ceil((bytes * 4) / 3);
}

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16 */
function unsupported(message: string, headers: Readonly<Record<string, string>>): Failure {
  return { ...refusedBody(message), status: 415, reason: 'UNSUPPORTED_MEDIA_TYPE', headers };
}

function refusedBody(message: string): Failure {
  return { code: 'invalid_argument', message, reason: 'INVALID_ARGUMENT' };
}
