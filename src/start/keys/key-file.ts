import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';

/** The permissions of anyone but the owner. */
const othersMode = 0o077;

/** A key file is unusable. The message has the remedy, and never quotes the file. */
export class KeyFileError extends Error {
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path} ${problem}`, options);
    this.name = 'KeyFileError';
  }
}

/**
 * Reads a file whose only content is a key. The newline at its end is dropped.
 *
 * @returns undefined where there is no such file
 * @throws KeyFileError where accounts other than its owner may read it, or it cannot be read
 */
export async function readKeyFile(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if (isOpenToOthers(mode)) {
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
 * Writes a key into a new file of mode 0600. When it returns, the file and its directory entry are synced to disk; a crash
 * before that leaves no file of this name, complete or partial.
 *
 * @throws KeyFileError where a file of this name exists, or the disk refuses
 */
export async function writeKeyFile(path: string, key: string): Promise<void> {
  const scratch = join(dirname(path), `.${randomUUID()}.key`);
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

/** The name of a file that `writeKeyFile` has not linked yet, or not removed after that. */
const scratchName = /^\.[0-9a-f-]{36}\.key$/;
/** Writing a key takes milliseconds. */
const scratchAgeMsMax = 60_000;

/** Removes the copies of keys that crashes have left while a key was written into a directory. */
export async function removeUnfinishedKeyFiles(directory: string, nowMs: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((each) => scratchName.test(each))) {
    const path = join(directory, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: nowMs }));
    if (nowMs - mtimeMs > scratchAgeMsMax) await unlink(path).catch(ignoreAbsent);
  }
}

/** Replaces the key in a file. A crash may leave no file of this name, never a partial one. */
export async function replaceKeyFile(path: string, key: string): Promise<void> {
  await unlink(path).catch(ignoreAbsent);
  await writeKeyFile(path, key);
}

/** Logs a warning for each key file that accounts other than its owner may access; the warning quotes nothing of the file. */
export async function warnOfSharedKeyFiles(paths: readonly string[], log: Pick<Logger, 'warn'>): Promise<void> {
  for (const path of new Set(paths)) {
    // A file that cannot be read is refused where it is used.
    const mode = await stat(path).then(
      (stats) => stats.mode & 0o777,
      () => 0,
    );
    if (!isOpenToOthers(mode)) continue;
    const shown = `0${mode.toString(8)}`;
    log.warn({ path, mode: shown }, 'a key file is open to others than its owner: run "chmod 600" on it');
  }
}

/** Windows has no such permission bits, and reports all of them as set. */
function isOpenToOthers(mode: number): boolean {
  return process.platform !== 'win32' && (mode & othersMode) !== 0;
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

/** Syncs the entries of a directory to disk, where the system has that. */
export async function syncDirectory(path: string): Promise<void> {
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
