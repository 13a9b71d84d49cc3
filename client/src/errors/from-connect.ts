import { Code, ConnectError } from '@connectrpc/connect';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb.ts';
import {
  CofferError,
  ConflictError,
  FailedPreconditionError,
  InvalidArgumentError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitedError,
  UnauthenticatedError,
  UnavailableError,
  type CofferErrorCode,
} from './errors.ts';

type ErrorClass = typeof CofferError;

const kinds: Readonly<Record<Code, readonly [CofferErrorCode, ErrorClass]>> = {
  [Code.Canceled]: ['canceled', CofferError],
  [Code.Unknown]: ['unknown', CofferError],
  [Code.InvalidArgument]: ['invalid_argument', InvalidArgumentError],
  [Code.DeadlineExceeded]: ['deadline_exceeded', UnavailableError],
  [Code.NotFound]: ['not_found', NotFoundError],
  [Code.AlreadyExists]: ['already_exists', ConflictError],
  [Code.PermissionDenied]: ['permission_denied', PermissionDeniedError],
  [Code.ResourceExhausted]: ['resource_exhausted', RateLimitedError],
  [Code.FailedPrecondition]: ['failed_precondition', FailedPreconditionError],
  [Code.Aborted]: ['aborted', ConflictError],
  [Code.OutOfRange]: ['out_of_range', FailedPreconditionError],
  [Code.Unimplemented]: ['unimplemented', CofferError],
  [Code.Internal]: ['internal', CofferError],
  [Code.Unavailable]: ['unavailable', UnavailableError],
  [Code.DataLoss]: ['data_loss', CofferError],
  [Code.Unauthenticated]: ['unauthenticated', UnauthenticatedError],
};

/** The error of this library for whatever a call of a transport has thrown. */
export function cofferErrorFrom(error: unknown): CofferError {
  if (error instanceof CofferError) return error;
  const connectError = ConnectError.from(error);
  const [info] = connectError.findDetails(ErrorInfoSchema);
  const [retry] = connectError.findDetails(RetryInfoSchema);
  const [code, ErrorClass] = kinds[isNetworkFailure(connectError) ? Code.Unavailable : connectError.code];
  return new ErrorClass(connectError.rawMessage, {
    code,
    reason: info?.reason,
    metadata: info?.metadata,
    retryAfterMs: retry?.retryDelay && durationMs(retry.retryDelay),
    cause: connectError,
  });
}

/** `fetch` reports every failure of the network, and nothing else, as a TypeError. @see https://fetch.spec.whatwg.org/#fetch-method */
function isNetworkFailure({ code, cause }: ConnectError): boolean {
  return code === Code.Unknown && cause instanceof TypeError;
}
