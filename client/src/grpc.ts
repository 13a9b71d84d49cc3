import { createGrpcTransport } from '@connectrpc/connect-node';
import { Coffer as FetchCoffer } from './coffer.ts';
import type { CofferOptions } from './options.ts';

export {
  CofferError,
  ConflictError,
  FailedPreconditionError,
  InvalidArgumentError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitedError,
  Secret,
  UnauthenticatedError,
  UnavailableError,
  type CofferErrorCode,
  type CofferOptions,
  type TokenSource,
} from './index.ts';

/** A client of a Coffer over gRPC, on one HTTP/2 connection. For Node 22 or newer. */
export class Coffer extends FetchCoffer {
  constructor(options: CofferOptions) {
    super(options, createGrpcTransport);
  }
}
