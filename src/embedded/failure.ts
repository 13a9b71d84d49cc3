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
    pattern: /already exists|pre-existing shared memory block/,
    explanation: {
      code: 'in_use',
      remedy: 'another PostgreSQL still uses the folder: stop it, or remove postmaster.pid when none is running',
    },
  },
  {
    pattern:
      /pg_control|valid checkpoint record|PANIC|invalid data in file|could not (open|read) (file|directory)|invalid line/,
    explanation: { code: 'corrupted', remedy: 'files are missing or damaged: restore the folder from a backup' },
  },
];

// Below this PostgreSQL can't even say that the disk is full, since its log lies on the same disk.
const freeBytesMin = 1024 * 1024;

/** Turns an error of the file system into the one that names the folder and the remedy; anything else becomes `start_failed`. */
export function fileSystemError(action: string, path: string, cause: unknown): EmbeddedPostgresError {
  const explanation = operatingSystemErrors[errorCodeOf(cause) ?? ''];
  return explanation === undefined
    ? new EmbeddedPostgresError('start_failed', `Could not ${action} ${path}`, cause)
    : new EmbeddedPostgresError(explanation.code, `Could not ${action} ${path}: ${explanation.remedy}`, cause);
}

/** Turns what `initdb` or `postgres` printed before it ended into the error that names the folder and the remedy. */
export async function serverError(action: string, path: string, output: string): Promise<EmbeddedPostgresError> {
  const explanation =
    serverMessages.find(({ pattern }) => pattern.test(output))?.explanation ??
    ((await freeBytes(path)) < freeBytesMin ? diskFull : undefined);
  const cause = new Error(output.trim() === '' ? 'PostgreSQL printed nothing' : output.trim());
  return explanation === undefined
    ? new EmbeddedPostgresError('start_failed', `Could not ${action} ${path}: its last lines are the cause`, cause)
    : new EmbeddedPostgresError(explanation.code, `Could not ${action} ${path}: ${explanation.remedy}`, cause);
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
