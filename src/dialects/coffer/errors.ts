import type { Problem, RestAnswer } from '../../gateway/contract/dialect.ts';
import {
  absentWorkspace,
  connectStatusOf,
  errorInfo,
  errorInfoToJson,
  listsOf,
} from '../../gateway/errors/connect-errors.ts';
import { faultListBytesMax } from '../../gateway/errors/refusal-limits.ts';
import type { FaultList } from '../../gateway/messages/fault-list.ts';
import type { VaultError } from '../../vault/errors.ts';
import { describeTextFlaw, pathOfFlaw } from '../../vault/json-scan.ts';
import { describeFaults, renderBy, retryAfterHeader, type ProblemTable } from '../shared/errors.ts';

interface Failure {
  readonly status: number;
  /** Connect's name of the code. */
  readonly code: string;
  readonly message: string;
  readonly reason: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const jsonType = 'application/json';

const failures: ProblemTable<Failure> = {
  vault: ({ error }) => vaultFailure(error.code === 'workspace_denied' ? absentWorkspace(error) : error),
  invalid_request: faultFailure,
  malformed_json: ({ offset }) => invalidArgument(`the body is not JSON from character ${offset} on`),
  unstorable_json: ({ flaw }) => ({
    ...invalidArgument(describeTextFlaw(flaw)),
    metadata: { [pathOfFlaw(flaw)]: flaw.rule },
  }),
  body_missing: () => invalidArgument('the body is missing'),
  body_not_object: ({ contentType, contentEncoding }) => {
    if (contentEncoding !== undefined)
      return unsupported('the body must not be encoded', { 'accept-encoding': 'identity' });
    if (contentType === undefined || contentType === jsonType) return invalidArgument('the body must be a JSON object');
    return unsupported(`the content type must be ${jsonType}`, { accept: jsonType });
  },
  body_too_large: ({ bytesMax }) => ({
    status: 413,
    code: 'resource_exhausted',
    message: `the body must be at most ${bytesMax} bytes`,
    reason: 'BODY_TOO_LARGE',
  }),
  route_not_found: () => ({ status: 404, code: 'not_found', message: 'no such path', reason: 'ROUTE_NOT_FOUND' }),
  method_not_allowed: ({ allow }) => ({
    status: 405,
    code: 'unimplemented',
    message: 'this path has no such method',
    reason: 'METHOD_NOT_ALLOWED',
    headers: { allow: allow.join(', ') },
  }),
  internal: () => ({ status: 500, code: 'internal', message: 'internal error', reason: 'INTERNAL' }),
};

/**
 * Renders a problem as Connect does: `{"code":"not_found","message":"…","details":[…]}`, with a `google.rpc.ErrorInfo` as its
 * detail, and the HTTP status of the code.
 *
 * @see https://connectrpc.com/docs/protocol#error-codes
 */
export function renderProblem(problem: Problem): RestAnswer {
  const { status, code, message, reason, metadata = {}, headers } = renderBy(failures, problem);
  const { type, value, debug } = errorInfoToJson(errorInfo(reason, metadata));
  return {
    status,
    body: { code, message, details: [{ type, value, debug: { ...debug } }] },
    headers: { ...(code === 'unauthenticated' && { 'www-authenticate': 'Bearer' }), ...headers },
  };
}

function vaultFailure({ code, message, details }: VaultError): Failure {
  const { resource, id, field, etag, reason } = details;
  return {
    ...connectStatusOf(code),
    message,
    reason: reason ?? code.toUpperCase(),
    metadata: {
      ...(resource && { resource }),
      ...(id && { id }),
      ...(field && { field }),
      ...(etag && { etag }),
      ...listsOf(details),
    },
    headers: retryAfterHeader(details),
  };
}

/** Where not all faults fit into the answer, the metadata holds only the first, as the message does. */
function faultFailure(list: FaultList): Failure {
  const metadata = metadataOf(list.faults);
  const isCut = list.hasMore === true || bytesInAnswer(list, metadata) > faultListBytesMax;
  return {
    ...invalidArgument(describeFaults({ ...list, hasMore: isCut })),
    metadata: isCut ? metadataOf(list.faults.slice(0, 1)) : metadata,
  };
}

function metadataOf(faults: FaultList['faults']): Readonly<Record<string, string>> {
  return Object.fromEntries(faults.map(({ path, source, rule }) => [path.join('.') || source, rule]));
}

/** The bytes of the message, and of the metadata as JSON and as base64. */
function bytesInAnswer(list: FaultList, metadata: Readonly<Record<string, string>>): number {
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  return Buffer.byteLength(describeFaults(list)) + bytes + Math.ceil((bytes * 4) / 3);
}

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16 */
function unsupported(message: string, headers: Readonly<Record<string, string>>): Failure {
  return { ...invalidArgument(message), status: 415, reason: 'UNSUPPORTED_MEDIA_TYPE', headers };
}

function invalidArgument(message: string): Failure {
  return { status: 400, code: 'invalid_argument', message, reason: 'INVALID_ARGUMENT' };
}
