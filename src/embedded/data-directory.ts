import { chmod, lstat, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { ownUserId } from './account.ts';
import { EmbeddedPostgresError, errorCodeOf, fileSystemError } from './errors.ts';
import { isAlive } from './postmaster-process.ts';

// Entries of Coffer, or of a volume's file system. The permissions of a folder with other entries are not changed.
const ownEntry = /^(postgres|socket|runtime-.+|.+\.key|lost\+found)$|^postgres\.|\.(new|old)-\d+-[0-9a-f]+$/;
const temporaryEntry = /^(?:postgres|runtime-.+)\.(?:new|old)-(\d+)-[0-9a-f]+$/;
const temporarySuffix = /\.(?:new|old)-\d+-[0-9a-f]+$/;
// No initdb takes an hour, so an older folder is a leftover even where its process id was reused.
const temporaryAgeMsMax = 3_600_000;

/**
 * Creates the data directory or checks an existing one, and returns its real path. Its mode is 0700, or 0711 for root, so
 * that PostgreSQL's account can pass through to its own folder. Existing parents are not changed.
 *
 * @throws EmbeddedPostgresError `wrong_owner`, `unsafe_directory`, or an error of the file system
 */
export async function prepareDataDirectory(dataDir: string): Promise<string> {
  try {
    await makeFolder(resolve(dataDir));
    const path = await realpath(dataDir);
    await closeToOthers(path);
    return path;
  } catch (error) {
    throw error instanceof EmbeddedPostgresError ? error : fileSystemError('prepare', resolve(dataDir), error);
  }
}

/** A new temporary name next to `path`, to build a folder under before it is renamed. */
export function temporaryPath(path: string, purpose: 'new' | 'old'): string {
  return `${path}.${purpose}-${process.pid}-${randomBytes(6).toString('hex')}`;
}

/** Deletes a folder with a temporary name. It is renamed first, so that a partly deleted folder is never used. */
export async function discard(path: string): Promise<void> {
  const doomed = temporaryPath(path.replace(temporarySuffix, ''), 'old');
  try {
    await rename(path, doomed);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return;
    throw error;
  }
  // An initdb whose Coffer was killed may still be writing into it for a moment.
  await rm(doomed, { recursive: true, force: true, maxRetries: 10 });
}

/** Removes what interrupted starts left. Only folders with a temporary name are deleted, never a cluster. */
export async function removeLeftovers(dataDir: string): Promise<readonly string[]> {
  const removed: string[] = [];
  try {
    for (const entry of await readdir(dataDir)) {
      const processId = Number(temporaryEntry.exec(entry)?.[1] ?? Number.NaN);
      if (Number.isNaN(processId) || !(await isLeftover(join(dataDir, entry), processId))) continue;
      await discard(join(dataDir, entry));
      removed.push(entry);
    }
  } catch (error) {
    throw fileSystemError('remove what an interrupted start left in', dataDir, error);
  }
  return removed;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await makeOneFolder(path);
  } catch (error) {
    if (errorCodeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    // Tried only once more: some file systems, such as /proc, fail with ENOENT for every mkdir.
    await makeOneFolder(path);
  }
}

async function makeOneFolder(path: string): Promise<void> {
  const mode = ownUserId() === 0 ? 0o711 : 0o700;
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST') return;
    throw error;
  }
  // mkdir applies the umask, which may be as strict as 077.
  await chmod(path, mode);
}

async function closeToOthers(path: string): Promise<void> {
  const folder = await stat(path);
  if (!folder.isDirectory()) throw new EmbeddedPostgresError('unsafe_directory', `${path} is not a folder`);
  if (folder.uid !== ownUserId()) {
    throw new EmbeddedPostgresError(
      'wrong_owner',
      `${path} belongs to user id ${folder.uid}, but Coffer runs as user id ${ownUserId()}: ` +
        'start Coffer as that user, give the folder to this one with chown -R, or choose another COFFER_DATA_DIR',
    );
  }
  const present = folder.mode & 0o7777;
  const wanted = ownUserId() === 0 ? (present & 0o711) | 0o011 : present & 0o700;
  if (present === wanted) return;
  if (!(await readdir(path)).every((entry) => ownEntry.test(entry))) {
    throw new EmbeddedPostgresError(
      'unsafe_directory',
      `${path} has mode ${present.toString(8)} and holds files that are not Coffer's: ` +
        `choose an empty folder as COFFER_DATA_DIR, or run chmod ${wanted.toString(8)} on this one`,
    );
  }
  await chmod(path, wanted);
}

async function isLeftover(path: string, processId: number): Promise<boolean> {
  const madeMs = await lstat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Number.NaN,
  );
  if (Number.isNaN(madeMs)) return false;
  if (Date.now() - madeMs > temporaryAgeMsMax) return true;
  // In a container every Coffer has the same process id: a folder older than this process is from an earlier one.
  if (processId === process.pid) return madeMs < Date.now() - process.uptime() * 1000;
  return !isAlive(processId);
}
