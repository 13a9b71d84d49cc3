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
} from '../errors/errors.ts';
import { isRecord, recordsOf, textOf, type Json } from './vault-calls.ts';

const classes: Readonly<Record<CofferErrorCode, typeof CofferError>> = {
  canceled: CofferError,
  unknown: CofferError,
  invalid_argument: InvalidArgumentError,
  deadline_exceeded: UnavailableError,
  not_found: NotFoundError,
  already_exists: ConflictError,
  permission_denied: PermissionDeniedError,
  resource_exhausted: RateLimitedError,
  failed_precondition: FailedPreconditionError,
  aborted: ConflictError,
  out_of_range: FailedPreconditionError,
  unimplemented: CofferError,
  internal: CofferError,
  unavailable: UnavailableError,
  data_loss: CofferError,
  unauthenticated: UnauthenticatedError,
};

/** For answers of a proxy. @see https://connectrpc.com/docs/protocol#http-to-error-code */
const codesOfStatus: Readonly<Record<number, CofferErrorCode>> = {
  400: 'internal',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'unimplemented',
  429: 'unavailable',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
};

/** The error of a call that was not answered with 200: that of the server, or what the status of a proxy means. */
export function errorOfResponse(status: number, body: Json | undefined): CofferError {
  const answer = isRecord(body) ? body : {};
  const code = isCode(answer['code']) ? answer['code'] : (codesOfStatus[status] ?? 'unknown');
  const message = textOf(answer['message']) || `the server answered with the status ${status}`;
  const reason = recordsOf(answer['details'])
    .map(reasonOf)
    .find((each) => each !== '');
  return new classes[code](message, { code, reason });
}

/** The reason of a `google.rpc.ErrorInfo`, of which Connect's JSON has a readable form beside the binary one. */
function reasonOf({ debug }: { readonly [name: string]: Json }): string {
  return isRecord(debug) ? textOf(debug['reason']) : '';
}

function isCode(value: Json | undefined): value is CofferErrorCode {
  return typeof value === 'string' && value in classes;
}
