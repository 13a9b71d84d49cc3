export { Coffer } from './coffer.ts';
export {
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
} from './errors/errors.ts';
export type { CofferOptions } from './options.ts';
export { Secret } from './secret.ts';
export type { TokenSource } from './transport/coffer-transport.ts';
