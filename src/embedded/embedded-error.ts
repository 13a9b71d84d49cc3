/** Why the embedded PostgreSQL could not be started, kept or stopped. */
export type EmbeddedPostgresErrorCode =
  | 'unsupported_platform'
  | 'binaries_missing'
  | 'no_account'
  | 'unreachable_directory'
  | 'unsafe_directory'
  | 'wrong_owner'
  | 'permission_denied'
  | 'read_only'
  | 'disk_full'
  | 'incompatible_version'
  | 'corrupted'
  | 'in_use'
  | 'stopped'
  | 'start_failed'
  | 'stop_failed';

/**
 * The one error of this folder. The message says what is wrong and what to do about it, and names folders and accounts,
 * never values. The cause holds the last lines of what PostgreSQL itself said, or the error of the operating system.
 */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly code: EmbeddedPostgresErrorCode;

  constructor(code: EmbeddedPostgresErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The error code of the operating system (`ENOENT`, …) or of PostgreSQL (`57P03`, …) that an error carries, if any. */
export function errorCodeOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}
