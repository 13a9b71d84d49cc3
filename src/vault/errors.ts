/** Every way in which a call may be refused. Each skin renders all of them in one exhaustive `Record<VaultErrorCode, …>`. */
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
  'already_set_up',
  'invalid_argument',
  'etag_stale',
  'credential_inactive',
  'credential_expired',
  'secret_unreadable',
  'resource_exhausted',
  'unavailable',
  'deadline_exceeded',
  'canceled',
] as const;

export type VaultErrorCode = (typeof vaultErrorCodes)[number];

/** What an error is about; ids and field names, never a value of a secret. */
export interface VaultErrorDetails {
  /** The kind of thing that is absent or taken: `credential`, `workspace`, `api_key`. */
  readonly resource?: string;
  /** How the caller spelt that thing. */
  readonly id?: string;
  /** The workspace that it was sought in, as the caller spelt it. */
  readonly workspace?: string;
  /** The permission that is lacking. */
  readonly permission?: string;
  /** The request's member at fault, in the proto's spelling. */
  readonly field?: string;
  /** The greatest size of that member, where it was exceeded. */
  readonly bytesMax?: number;
  /** A word for which rule was broken, where a skin tells apart what shares a code. @see https://google.aip.dev/193 */
  readonly reason?: string;
  /** When to try again. */
  readonly retryAfterMs?: number;
  /** The current etag, where a stale one was given. */
  readonly etag?: string;
}

/**
 * The one error that the core throws on purpose. Its message may be shown to the caller: it names fields and ids, never a
 * secret, token or key. Anything else that is thrown is a bug, and is shown as an internal error.
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

/** The refusal for what is absent, and for what the caller may not know of: the two are alike. */
export function notFound(resource: string, id: string): VaultError {
  return new VaultError('not_found', `${resource} not found`, { resource, id });
}

/**
 * The refusal for what is stored and can't be believed. Its cause is for the log: callers can't tell what was done to it.
 *
 * @param what names the row, and no value of it
 */
export function credentialUnreadable(what: string): VaultError {
  return new VaultError('secret_unreadable', 'the credential cannot be read', {}, { cause: new Error(what) });
}

/**
 * What a caller who wants to store a secret is answered where the workspace's key cannot be had: not that a secret cannot be
 * read, since none was asked for. Other errors are answered as they are.
 */
export function workspaceKeyUnreadable(error: unknown): unknown {
  if (!(error instanceof VaultError) || error.code !== 'secret_unreadable') return error;
  const details = { reason: 'WORKSPACE_KEY_UNREADABLE' };
  return new VaultError('secret_unreadable', 'the key of the workspace cannot be read', details, { cause: error });
}

/**
 * The refusal for a workspace whose row is not as it was written. Its cause is for the log.
 *
 * @param id of the workspace
 */
export function workspaceUnreadable(id: string): VaultError {
  const cause = new Error(`workspace ${id} was changed outside of Coffer`);
  return new VaultError('secret_unreadable', 'the workspace cannot be read', {}, { cause });
}

/** The refusal for a member of a request that is missing, too long or otherwise not acceptable. */
export function invalidArgument(field: string, message: string): VaultError {
  return new VaultError('invalid_argument', `${field} ${message}`, { field });
}

/**
 * The refusal of a token that is unknown or malformed.
 *
 * @param reason for the log, never for the caller; it quotes nothing of the token
 */
export function invalidToken(reason: string): VaultError {
  return new VaultError('token_invalid', 'Invalid token', {}, { cause: new Error(reason) });
}
