import { constants } from 'node:fs';
import { link, open, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A key's file that can't be used, with what to do about it. It never quotes the file. */
export class KeyFileError extends Error {
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path} ${problem}`, options);
    this.name = 'KeyFileError';
  }
}

/**
 * Reads a key that stands alone in a file, without the newline at its end.
 *
 * @returns undefined where there is no such file
 * @throws KeyFileError where others than its owner may read it, or it can not be read
 */
export async function readKeyFile(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    // Windows has no such bits, and shows all of them set.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new KeyFileError(path, 'can be read by others than its owner: run "chmod 600" on it');
    }
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (error instanceof KeyFileError) throw error;
    throw new KeyFileError(path, 'can not be read', { cause: error });
  }
}

/**
 * Writes a key into a new file of mode 0600. When it returns, file and directory entry are on the disk; a crash before
 * that leaves no file of this name, and never half a one.
 *
 * @throws KeyFileError where a file of this name exists, or the disk refuses
 */
export async function writeKeyFile(path: string, key: string): Promise<void> {
  const scratch = join(dirname(path), `.${process.pid}.${Date.now()}.key`);
  try {
    await writeDurably(scratch, `${key}\n`);
    // A link, unlike a rename, never replaces what is there.
    await link(scratch, path);
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new KeyFileError(path, exists ? 'exists, and is not replaced' : 'cannot be written', { cause: error });
  } finally {
    await unlink(scratch).catch(ignoreAbsent);
  }
  await syncDirectory(dirname(path));
}

/** Puts another key into a file that exists already, as durably and as completely. */
export async function replaceKeyFile(path: string, key: string): Promise<void> {
  await unlink(path).catch(ignoreAbsent);
  await writeKeyFile(path, key);
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function ignoreAbsent(error: unknown): void {
  if (!isAbsent(error)) throw error;
}
