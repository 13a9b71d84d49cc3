import { statfs } from 'node:fs/promises';

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
 * The only error class of this folder. The message has the problem and the remedy, and names folders and accounts, never
 * values. The cause has the last lines of PostgreSQL's output, or the error of the operating system.
 */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly code: EmbeddedPostgresErrorCode;

  constructor(code: EmbeddedPostgresErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The code of an error of the operating system (`ENOENT`) or of PostgreSQL (`57P03`); undefined where it has none. */
export function errorCodeOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

type Explanation = { readonly code: EmbeddedPostgresErrorCode; readonly remedy: string };

const diskFull: Explanation = { code: 'disk_full', remedy: 'the disk is full: free some space and start again' };
const readOnly: Explanation = {
  code: 'read_only',
  remedy: 'the file system is read-only: choose a writable COFFER_DATA_DIR',
};
const denied: Explanation = {
  code: 'permission_denied',
  remedy: 'permission is denied: make the folder writable for this account, or choose another COFFER_DATA_DIR',
};

const operatingSystemErrors: Readonly<Record<string, Explanation>> = {
  ENOSPC: diskFull,
  EDQUOT: diskFull,
  EROFS: readOnly,
  EACCES: denied,
  EPERM: denied,
};

// The first match counts: a full disk also causes later, less specific messages.
const serverMessages: readonly { readonly pattern: RegExp; readonly explanation: Explanation }[] = [
  { pattern: /No space left on device|Disk quota exceeded/, explanation: diskFull },
  { pattern: /Read-only file system/, explanation: readOnly },
  {
    pattern: /has wrong ownership/,
    explanation: { code: 'wrong_owner', remedy: 'the folder belongs to another account: give it back with chown -R' },
  },
  {
    pattern: /has invalid permissions/,
    explanation: { code: 'unsafe_directory', remedy: 'others may enter the folder: run chmod 700 on it' },
  },
  { pattern: /Permission denied/, explanation: denied },
  {
    pattern: /incompatible with server|initialized by PostgreSQL version/,
    explanation: {
      code: 'incompatible_version',
      remedy: 'another version of PostgreSQL made it: start the Coffer that made it',
    },
  },
  {
    pattern: /already exists|pre-existing shared memory block|lock file "[^"]*" is empty|bogus data in lock file/,
    explanation: {
      code: 'in_use',
      remedy: 'another PostgreSQL still uses the folder: stop it, or remove postmaster.pid when none is running',
    },
  },
  {
    // Not every PANIC: one without a file of the cluster has another cause, such as a failing disk.
    pattern:
      /pg_control|incorrect checksum in control file|could not locate (a valid|required) checkpoint record|invalid data in file|invalid line|could not (open|read) (file|directory) [^\n]*(No such file|Is a directory|Not a directory|read \d+ of \d+)/,
    explanation: { code: 'corrupted', remedy: 'files are missing or damaged: restore the folder from a backup' },
  },
];

// Slightly more than a segment of the write-ahead log. With less, PostgreSQL can neither recover nor log to the same disk that
// it is full, and apparent damage is usually a file that could not be created.
const freeBytesMin = 24 * 1024 * 1024;

/** Converts an error of the file system into one with the folder and the remedy; unknown errors become `start_failed`. */
export function fileSystemError(action: string, path: string, cause: unknown): EmbeddedPostgresError {
  const explanation = operatingSystemErrors[errorCodeOf(cause) ?? ''];
  return explanation === undefined
    ? new EmbeddedPostgresError('start_failed', `Could not ${action} ${path}`, cause)
    : new EmbeddedPostgresError(explanation.code, `Could not ${action} ${path}: ${explanation.remedy}`, cause);
}

/** Converts the output of `initdb` or `postgres` into an error with the folder and the remedy. */
export async function serverError(action: string, path: string, output: string): Promise<EmbeddedPostgresError> {
  const found = serverMessages.find(({ pattern }) => pattern.test(output))?.explanation;
  const mayBeFull = found === undefined || found.code === 'corrupted';
  const explanation = mayBeFull && (await freeBytes(path)) < freeBytesMin ? diskFull : found;
  const cause = new Error(output.trim() === '' ? 'PostgreSQL printed nothing' : output.trim());
  return explanation === undefined
    ? new EmbeddedPostgresError('start_failed', `Could not ${action} ${path}: its last lines are the cause`, cause)
    : new EmbeddedPostgresError(explanation.code, `Could not ${action} ${path}: ${explanation.remedy}`, cause);
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
