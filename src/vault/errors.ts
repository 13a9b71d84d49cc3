import type { Consumer } from './consumer.ts';

/** Every reason to refuse a call. The statuses of REST, and the codes of gRPC and Connect, are exhaustive tables over them. */
export const vaultErrorCodes = [
  'token_missing',
  'token_invalid',
  'token_expired',
  'password_wrong',
  'login_throttled',
  'permission_denied',
  'workspace_denied',
  'not_found',
  'name_taken',
  'id_taken',
  'already_exists',
  'already_set_up',
  'invalid_argument',
  'resume_token_expired',
  'etag_stale',
  'request_in_progress',
  'credential_inactive',
  'credential_expired',
  'failed_precondition',
  'secret_unreadable',
  'resource_exhausted',
  'unavailable',
  'deadline_exceeded',
  'canceled',
] as const;

export type VaultErrorCode = (typeof vaultErrorCodes)[number];

/** Details of an error: ids and field names, never a value of a secret. */
export interface VaultErrorDetails {
  /** The kind of resource that is absent or taken: `credential`, `workspace`, `api_key`. */
  readonly resource?: string;
  /** The id or name of the resource as the caller wrote it. */
  readonly id?: string;
  /** The workspace of the resource as the caller wrote it. */
  readonly workspace?: string;
  /** The missing permission, for the event of the denial. */
  readonly permission?: string;
  /** The invalid field of the request, by its name in the proto. */
  readonly field?: string;
  /** The greatest size of the field, if it was exceeded. */
  readonly bytesMax?: number;
  /** Identifies the violated rule where several share a code. @see https://google.aip.dev/193 */
  readonly reason?: string;
  /** The index of the item of a batch that is refused, from 0. */
  readonly item?: number;
  /** After how many milliseconds to try again. */
  readonly retryAfterMs?: number;
  /** The ids of the credentials between which the request does not decide. */
  readonly credentialIds?: readonly string[];
  /** Those that used the credential lately, the newest first. */
  readonly consumers?: readonly Consumer[];
  /** The current etag, if a stale one was sent. */
  readonly etag?: string;
}

/**
 * The only error that the core throws deliberately. Its message may be shown to the caller: it contains field names and ids,
 * never a secret, token or key. Any other error is a bug and is shown as an internal error.
 */
export class VaultError extends Error {
  readonly code: VaultErrorCode;
  readonly details: VaultErrorDetails;

  constructor(code: VaultErrorCode, message: string, details: VaultErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'VaultError';
    this.code = code;
    this.details = details;
  }
}

/** The refusal for an absent resource. A resource that the caller may not see gets the same. */
export function notFound(resource: string, id: string): VaultError {
  return new VaultError('not_found', `${resource} not found`, { resource, id });
}

/** The refusal of everything that needs a key while the vault is sealed in this process. */
export function vaultSealed(cause?: unknown): VaultError {
  return new VaultError('unavailable', 'the vault is sealed', { reason: 'SEALED' }, { cause });
}

/** Whether an error is `vaultSealed`. */
export function isVaultSealed(error: unknown): boolean {
  return error instanceof VaultError && error.details.reason === 'SEALED';
}

/**
 * The refusal for a stored row that was modified outside of Coffer. Its cause is for the log only.
 *
 * @param what identifies the row, without its values
 */
export function credentialUnreadable(what: string): VaultError {
  return new VaultError('secret_unreadable', 'the credential cannot be read', {}, { cause: new Error(what) });
}

/**
 * The error for a caller who stores a secret when the workspace's key cannot be loaded: its message does not mention reading a
 * secret. Other errors are returned unchanged.
 */
export function workspaceKeyUnreadable(error: unknown): unknown {
  if (!(error instanceof VaultError) || error.code !== 'secret_unreadable') return error;
  const details = { reason: 'WORKSPACE_KEY_UNREADABLE' };
  return new VaultError('secret_unreadable', 'the key of the workspace cannot be read', details, { cause: error });
}

/**
 * The refusal for a workspace whose row was modified outside of Coffer. Its cause is for the log only.
 *
 * @param id of the workspace
 */
export function workspaceUnreadable(id: string): VaultError {
  const cause = new Error(`workspace ${id} was changed outside of Coffer`);
  return new VaultError('secret_unreadable', 'the workspace cannot be read', {}, { cause });
}

/** The refusal for a field of a request that is missing, too long or otherwise invalid. */
export function invalidArgument(field: string, message: string): VaultError {
  return new VaultError('invalid_argument', `${field} ${message}`, { field });
}

/**
 * The refusal for an unknown or malformed token.
 *
 * @param reason for the log only; it must not quote the token
 */
export function invalidToken(reason: string): VaultError {
  return new VaultError('token_invalid', 'Invalid token', {}, { cause: new Error(reason) });
}
