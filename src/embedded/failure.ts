import { statfs } from 'node:fs/promises';
import { EmbeddedPostgresError, errorCodeOf, type EmbeddedPostgresErrorCode } from './embedded-error.ts';

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

// In the order in which they are tried: a full disk also leaves later, less telling lines behind.
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
    // Not every PANIC: one that names no file of the cluster has another cause, such as a disk that fails.
    pattern:
      /pg_control|incorrect checksum in control file|could not locate (a valid|required) checkpoint record|invalid data in file|invalid line|could not (open|read) (file|directory) [^\n]*(No such file|Is a directory|Not a directory|read \d+ of \d+)/,
    explanation: { code: 'corrupted', remedy: 'files are missing or damaged: restore the folder from a backup' },
  },
];

// A segment of the write-ahead log and some more: with less, PostgreSQL neither recovers nor can it say, in a log on the
// same disk, that the disk is full. What looks like damage then is most often a file that could not be made.
const freeBytesMin = 24 * 1024 * 1024;

/** Turns an error of the file system into the one that names the folder and the remedy; anything else becomes `start_failed`. */
export function fileSystemError(action: string, path: string, cause: unknown): EmbeddedPostgresError {
  const explanation = operatingSystemErrors[errorCodeOf(cause) ?? ''];
  return explanation === undefined
    ? new EmbeddedPostgresError('start_failed', `Could not ${action} ${path}`, cause)
    : new EmbeddedPostgresError(explanation.code, `Could not ${action} ${path}: ${explanation.remedy}`, cause);
}

/** Turns what `initdb` or `postgres` printed before it ended into the error that names the folder and the remedy. */
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
