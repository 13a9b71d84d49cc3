import { constants } from 'node:fs';
import { copyFile, open, stat, truncate, type FileHandle } from 'node:fs/promises';
import { errorCodeOf, fileSystemError } from './errors.ts';

const logBytesMax = 1024 * 1024;
const tailBytesMax = 4096;

/**
 * Opens the log file of PostgreSQL, with mode 0600 and append only. A pipe would not work, because a postmaster outlives a
 * killed Coffer.
 */
export async function openServerLog(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw fileSystemError('write', path, error);
  }
}

/** Limits the log to 1 MiB, and as much again in `<path>.1`. It is copied and truncated, since PostgreSQL keeps it open. */
export async function limitServerLog(path: string): Promise<void> {
  if ((await serverLogBytes(path)) <= logBytesMax) return;
  await copyFile(path, `${path}.1`);
  await truncate(path, 0);
}

/** The size of the log in bytes, 0 while there is none. */
export async function serverLogBytes(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

/** The text after the given offset, at most its last 4 KiB. */
export async function readServerLog(path: string, offset: number): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const start = Math.max(offset, size - tailBytesMax);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(tailBytesMax), 0, tailBytesMax, start);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
