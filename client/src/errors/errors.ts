/** The code of an error: that of gRPC, as Connect writes it. @see https://connectrpc.com/docs/protocol#error-codes */
export type CofferErrorCode =
  | 'canceled'
  | 'unknown'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'out_of_range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'
  | 'unauthenticated';

/** What is known of an error besides its message. */
export interface CofferErrorDetails {
  readonly code: CofferErrorCode;
  /** The constant reason in upper snake case, such as `ETAG_STALE`; the documents of Coffer list all. */
  readonly reason?: string | undefined;
  /** Ids and names of fields, never a value. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** How long to wait before the call may be repeated. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A call failed, or its parameters cannot be sent. Neither the message nor any property contains a secret or a token. */
export class CofferError extends Error {
  readonly code: CofferErrorCode;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { code, reason, metadata = {}, retryAfterMs, cause }: CofferErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The request is wrong, whatever the state of the vault. */
export class InvalidArgumentError extends CofferError {}

/** The token is missing, unknown, expired or revoked. */
export class UnauthenticatedError extends CofferError {}

/** The caller may not do this. A key with a scope gets it for a name that is absent, too. */
export class PermissionDeniedError extends CofferError {}

/** What the call names does not exist, or is not visible to the caller. */
export class NotFoundError extends CofferError {}

/** Something else has changed or taken what the call needs: a stale etag, a taken name or id, a request under way. */
export class ConflictError extends CofferError {}

/** The state of the credential or of the vault does not allow the call, such as a credential that is inactive. */
export class FailedPreconditionError extends CofferError {}

/** Too many calls, or too much of something. With `retryAfterMs`, the same call may succeed later. */
export class RateLimitedError extends CofferError {}

/** The server is away, is sealed, or did not respond before the deadline. */
export class UnavailableError extends CofferError {}
