import { Code, ConnectError } from '@connectrpc/connect';
import { violationsToProto, type Violation } from '@bufbuild/protovalidate';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { ErrorInfoSchema, RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { notFound, VaultError, type VaultErrorCode } from '../../vault/errors.ts';
import { errorInfo } from './error-info.ts';

const codes: Readonly<Record<VaultErrorCode, Code>> = {
  token_missing: Code.Unauthenticated,
  token_invalid: Code.Unauthenticated,
  token_expired: Code.Unauthenticated,
  password_wrong: Code.Unauthenticated,
  login_throttled: Code.ResourceExhausted,
  permission_denied: Code.PermissionDenied,
  workspace_denied: Code.PermissionDenied,
  not_found: Code.NotFound,
  name_taken: Code.AlreadyExists,
  id_taken: Code.AlreadyExists,
  already_set_up: Code.AlreadyExists,
  invalid_argument: Code.InvalidArgument,
  etag_stale: Code.Aborted,
  credential_inactive: Code.FailedPrecondition,
  credential_expired: Code.FailedPrecondition,
  secret_unreadable: Code.DataLoss,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  deadline_exceeded: Code.DeadlineExceeded,
  canceled: Code.Canceled,
};

/**
 * How much a refusal says, since gRPC's goes in trailers: many clients take 8 KiB of them, and a stream that is to send more
 * than 64 ends without a status.
 */
const said = { violations: 16, messageCharacters: 1_000, valueCharacters: 256 } as const;

/**
 * Renders a refusal for gRPC, gRPC-Web and Connect, with a `google.rpc.ErrorInfo` that says why, and where waiting helps, a
 * `google.rpc.RetryInfo` that says for how long.
 */
export function connectErrorOf(error: VaultError): ConnectError {
  const { resource, id, field, etag, reason, retryAfterMs } = error.details;
  // An id that is too long to be one may be left out.
  const told = Object.entries({ resource, id, field, etag }).flatMap(([name, value]) =>
    value && value.length <= said.valueCharacters ? [[name, value] as const] : [],
  );
  const metadata = Object.fromEntries(told);
  const detail = { desc: ErrorInfoSchema, value: errorInfo(reason ?? error.code.toUpperCase(), metadata) };
  const [code, message] = [codes[error.code], shorten(error.message)];
  if (retryAfterMs === undefined) return new ConnectError(message, code, {}, [detail], error);
  const headers = { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
  const retry = { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryAfterMs) } };
  return new ConnectError(message, code, headers, [detail, retry], error);
}

/** The refusal of a dialect that answers a workspace of which the caller may not know as absent. */
export function absentWorkspace({ details }: VaultError): VaultError {
  return notFound('workspace', details.workspace ?? '');
}

/** Renders broken rules: their names and places, and no value. Of many, or of long ones, the first are told. */
export function invalidRequestError(violations: readonly Violation[]): ConnectError {
  const texts = violations.map(({ field, message }) => `${pathToString(field)} ${message}`.trim());
  const count = countTold(texts);
  const told = count > 0 ? texts.slice(0, count) : texts.slice(0, 1).map(shorten);
  const more = texts.length - told.length;
  const message = [...told, ...(more > 0 ? [`${more} more`] : [])].join('; ');
  if (count === 0) return new ConnectError(message, Code.InvalidArgument);
  const [value, desc] = violationsToProto(violations.slice(0, count));
  return new ConnectError(message, Code.InvalidArgument, undefined, [{ desc, value }]);
}

function shorten(text: string): string {
  return text.length <= said.messageCharacters ? text : `${text.slice(0, said.messageCharacters).toWellFormed()}…`;
}

/** None where the first one is too long. */
function countTold(texts: readonly string[]): number {
  let left: number = said.messageCharacters;
  const end = texts.findIndex((text, index) => (left -= text.length) < 0 || index === said.violations);
  return end < 0 ? texts.length : end;
}

/** Stands for whatever was thrown that nobody thought of; the cause goes to the log alone. */
export function internalError(): ConnectError {
  return new ConnectError('internal error', Code.Internal);
}

/** Says what it means that a call's signal was aborted, by the reason that Connect gives. */
export function givenUp(reason: unknown): VaultError {
  const { code } = ConnectError.from(reason, Code.Canceled);
  if (code === Code.DeadlineExceeded) return new VaultError('deadline_exceeded', 'the deadline has passed');
  if (code === Code.Unavailable) return new VaultError('unavailable', 'the server is stopping');
  return new VaultError('canceled', 'the call was canceled');
}

/** The reason with which calls are given up when the server's time for stopping is over. */
export function shuttingDown(): ConnectError {
  return new ConnectError('the server is stopping', Code.Unavailable);
}
