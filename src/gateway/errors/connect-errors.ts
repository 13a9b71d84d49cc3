import { create, toBinary } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { violationsToProto, type Violation } from '@bufbuild/protovalidate';
import { Code, ConnectError } from '@connectrpc/connect';
import { codeToHttpStatus, codeToString } from '@connectrpc/connect/protocol-connect';
import { ErrorInfoSchema, RetryInfoSchema, type ErrorInfo } from '../../../gen/google/rpc/error_details_pb.ts';
import type { Consumer } from '../../vault/consumer.ts';
import { formatTime } from '../../vault/time.ts';
import { notFound, VaultError, type VaultErrorCode, type VaultErrorDetails } from '../../vault/errors.ts';
import { ProblemError } from './rest-problems.ts';

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
  already_exists: Code.AlreadyExists,
  already_set_up: Code.AlreadyExists,
  invalid_argument: Code.InvalidArgument,
  resume_token_expired: Code.OutOfRange,
  etag_stale: Code.Aborted,
  request_in_progress: Code.Aborted,
  credential_inactive: Code.FailedPrecondition,
  credential_expired: Code.FailedPrecondition,
  failed_precondition: Code.FailedPrecondition,
  secret_unreadable: Code.DataLoss,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  deadline_exceeded: Code.DeadlineExceeded,
  canceled: Code.Canceled,
};

/** The code of Connect for a vault error, and the HTTP status of that code. @see https://connectrpc.com/docs/protocol#error-codes */
export function connectStatusOf(code: VaultErrorCode): { readonly code: string; readonly status: number } {
  return { code: codeToString(codes[code]), status: codeToHttpStatus(codes[code]) };
}

/**
 * Limits of a refusal. gRPC sends it in trailers: many clients accept 8 KiB of them, and a stream with more than 64 KiB ends
 * without a status.
 */
const limits = { violations: 16, messageCharacters: 1_000, valueCharacters: 256, consumersBytes: 3_072 } as const;

/**
 * Renders a refusal for gRPC, gRPC-Web and Connect, with a `google.rpc.ErrorInfo`, and with a `google.rpc.RetryInfo` where
 * waiting helps.
 */
export function connectErrorOf(error: VaultError): ConnectError {
  const { retryAfterMs } = error.details;
  const { message, reason, metadata } = describeError(error);
  const code = codes[error.code];
  const detail = { desc: ErrorInfoSchema, value: errorInfo(reason, metadata) };
  if (retryAfterMs === undefined) return new ConnectError(message, code, {}, [detail], error);
  const headers = { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
  const retry = { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryAfterMs) } };
  return new ConnectError(message, code, headers, [detail, retry], error);
}

/** Lists of details as metadata: ids, separated by commas; consumers as JSON, as many as fit. */
export function listsOf({ consumers, credentialIds }: VaultErrorDetails): Readonly<Record<string, string>> {
  return {
    ...(credentialIds && { credential_ids: credentialIds.join(',') }),
    ...(consumers && { recent_consumers: consumersText(consumers) }),
  };
}

/** As the JSON of protobuf: without a fraction that is zero. */
function jsonTimeOf(time: Date): string {
  return formatTime(time).replace('.000Z', 'Z');
}

function consumersText(consumers: readonly Consumer[]): string {
  let bytes = 0;
  const texts = consumers.map(({ kind, id, name, lastUsedAt }) =>
    JSON.stringify({ [kind === 'user' ? 'user_id' : 'api_key_id']: id, name, last_used_at: jsonTimeOf(lastUsedAt) }),
  );
  return `[${texts.filter((text) => (bytes += Buffer.byteLength(text)) <= limits.consumersBytes).join()}]`;
}

/** What a refusal shows of an error. */
export interface DescribedError {
  /** Connect's name of the code. */
  readonly code: string;
  readonly message: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Describes an error as a refusal for gRPC, gRPC-Web and Connect does. */
export function describeError(error: VaultError): DescribedError {
  const { resource, id, field, etag, reason = error.code.toUpperCase() } = error.details;
  // A text too long for an id is left out.
  const shown = Object.entries({ resource, id, field, etag }).flatMap(([name, value]) =>
    value && value.length <= limits.valueCharacters ? [[name, value] as const] : [],
  );
  const metadata = { ...Object.fromEntries(shown), ...listsOf(error.details) };
  const { code } = connectStatusOf(error.code);
  return { code, message: shorten(error.message), reason, metadata };
}

/** The refusal for a dialect that reports a workspace unknown to the caller as absent. */
export function absentWorkspace({ details }: VaultError): VaultError {
  return notFound('workspace', details.workspace ?? '');
}

/** Renders broken rules: field names and rules, never a value. Of many or long ones it lists the first. */
export function invalidRequestError(violations: readonly Violation[]): ConnectError {
  const texts = violations.map(({ field, message }) => `${pathToString(field)} ${message}`.trim());
  const count = countListed(texts);
  const listed = count > 0 ? texts.slice(0, count) : texts.slice(0, 1).map(shorten);
  const more = texts.length - listed.length;
  const message = [...listed, ...(more > 0 ? [`${more} more`] : [])].join('; ');
  if (count === 0) return new ConnectError(message, Code.InvalidArgument);
  const [value, desc] = violationsToProto(violations.slice(0, count));
  return new ConnectError(message, Code.InvalidArgument, undefined, [{ desc, value }]);
}

function shorten(text: string): string {
  return text.length <= limits.messageCharacters ? text : `${text.slice(0, limits.messageCharacters).toWellFormed()}…`;
}

/** None if the first one is too long. */
function countListed(texts: readonly string[]): number {
  let left: number = limits.messageCharacters;
  const end = texts.findIndex((text, index) => (left -= text.length) < 0 || index === limits.violations);
  return end < 0 ? texts.length : end;
}

/** Stands for an unexpected error, whose cause goes only to the log. */
export function internalError(): ConnectError {
  return new ConnectError('internal error', Code.Internal);
}

/** The refusal of a call whose signal was aborted, by the signal's reason. */
export function cancellationError(reason: unknown): VaultError {
  const { code } = ConnectError.from(reason, Code.Canceled);
  if (code === Code.DeadlineExceeded) return new VaultError('deadline_exceeded', 'the deadline has passed');
  if (code === Code.Unavailable) return new VaultError('unavailable', 'the server is stopping');
  return new VaultError('canceled', 'the call was canceled');
}

/** The refusal of a call that has failed: an error that is only a consequence of the call's abort becomes its cancellation. */
export function errorOrCancellation(error: unknown, { aborted, reason }: AbortSignal): unknown {
  if (!aborted || error instanceof VaultError || error instanceof ProblemError) return error;
  return reason instanceof VaultError ? reason : cancellationError(reason);
}

/** The reason by which a stopping server aborts the calls in flight. */
export function shutdownError(): ConnectError {
  return new ConnectError('the server is stopping', Code.Unavailable);
}

/**
 * The machine-readable reason of a refusal.
 *
 * @param reason in UPPER_SNAKE_CASE
 * @param metadata ids and names of fields, never a value
 * @see https://google.aip.dev/193
 */
export function errorInfo(reason: string, metadata: Readonly<Record<string, string>>): ErrorInfo {
  return create(ErrorInfoSchema, { reason, domain: 'coffer', metadata: { ...metadata } });
}

/** A detail of an error in Connect's JSON. */
export interface ErrorDetailJson {
  readonly type: string;
  /** The message in base64 without padding. */
  readonly value: string;
  readonly debug: {
    readonly reason: string;
    readonly domain: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
}

/** Serializes such a detail for Connect's JSON. @see https://connectrpc.com/docs/protocol#error-end-stream */
export function errorInfoToJson(info: ErrorInfo): ErrorDetailJson {
  const { reason, domain, metadata } = info;
  const value = Buffer.from(toBinary(ErrorInfoSchema, info)).toString('base64').replaceAll('=', '');
  return { type: ErrorInfoSchema.typeName, value, debug: { reason, domain, metadata } };
}
