import { chmod, constants, copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { errorCode, ImportError } from '../reading/import-error.ts';

/** A copy of an sqlite database in a folder that only its user can enter. */
export interface SqliteCopy {
  readonly path: string;
  remove(): Promise<void>;
}

/** The database, and what a program that runs or was killed has not yet moved into it. */
const suffixes = ['', '-wal', '-journal'] as const;

const attemptsMax = 5;

/**
 * Copies an sqlite database with its write-ahead log and its rollback journal. Recovering these writes to the database, which
 * must not happen to the source.
 *
 * @throws ImportError where the file cannot be read, or other programs kept changing it
 */
export async function copySqlite(path: string): Promise<SqliteCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-import-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const copy = join(folder, basename(path));
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      if (await copyUnchanged(path, copy)) return { path: copy, remove };
    }
    throw new ImportError(`${path} changed while it was copied: stop the program that writes to it`);
  } catch (error) {
    await remove();
    throw error instanceof ImportError
      ? error
      : new ImportError(`cannot read ${path}: ${errorCode(error) ?? 'unknown error'}`);
  }
}

/** Copies all files, and reports whether they are from one moment: a checkpoint meanwhile would mix two states. */
async function copyUnchanged(path: string, copy: string): Promise<boolean> {
  const before = await Promise.all(suffixes.map((suffix) => stampOf(path + suffix)));
  for (const [index, suffix] of suffixes.entries()) {
    if (before[index] === undefined) await rm(copy + suffix, { force: true });
    else if (!(await copyPrivately(path + suffix, copy + suffix))) return false;
  }
  const after = await Promise.all(suffixes.map((suffix) => stampOf(path + suffix)));
  if (before[0] === undefined) throw new ImportError(`${path} does not exist`);
  return before.every((stamp, index) => stamp === after[index]);
}

/** Copies one file; false where it is gone by now. */
async function copyPrivately(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await chmod(to, 0o600);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** What changes whenever a file is written; undefined where there is none. */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
