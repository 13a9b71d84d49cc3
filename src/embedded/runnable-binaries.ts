import { cp, mkdir, readFile, rename, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { ownUserId, type Account } from './account.ts';
import { program, type PostgresBinaries } from './binaries.ts';
import { requireReachable, type DataDirectoryAccess } from './data-directory-access.ts';
import { discard, temporaryPath } from './data-directory.ts';
import { EmbeddedPostgresError, errorCodeOf } from './embedded-error.ts';
import { fileSystemError } from './failure.ts';
import { runCommand } from './run-command.ts';

/** Binaries that have been seen to run under the account, with the major version they report. */
export type RunnableBinaries = PostgresBinaries & { readonly majorVersion: number };

// Where copies are kept when the account can't read one in the data directory either; only root comes to this.
const systemFolder = '/var/lib/coffer';

/**
 * The binaries in place when the account can run them, else a copy below the data directory, or below `sharedFolder`
 * when that account can't get to the data directory by its path. A copy is needed when the
 * checkout lies below a folder that the account can't enter, and when npm's install scripts, which make the links
 * between the libraries, did not run. The copy is ours to write and everyone's to read; it is made once a version.
 * @throws EmbeddedPostgresError `unreachable_directory`, `binaries_missing`, or what the file system says
 */
export async function ensureRunnable(
  binaries: PostgresBinaries,
  { account, byPath, dataDir }: DataDirectoryAccess,
  sharedFolder = systemFolder,
): Promise<RunnableBinaries> {
  const inPlace = await reportedMajorVersion(binaries, account);
  if (inPlace !== undefined) return { ...binaries, majorVersion: inPlace };
  const folder = byPath ? dataDir : await prepareSharedFolder(sharedFolder, account);
  const copy = { root: join(folder, `runtime-${binaries.version}`), version: binaries.version };
  const majorVersion = (await reportedMajorVersion(copy, account)) ?? (await stageAndTry(binaries, copy, account));
  return { ...copy, majorVersion };
}

async function stageAndTry(binaries: PostgresBinaries, copy: PostgresBinaries, account?: Account): Promise<number> {
  await stage(binaries.root, copy.root).catch((error: unknown) => {
    throw fileSystemError('copy the PostgreSQL binaries to', copy.root, error);
  });
  const majorVersion = await reportedMajorVersion(copy, account);
  if (majorVersion !== undefined) return majorVersion;
  const { output } = await runCommand(program(copy, 'postgres'), ['--version'], { account });
  throw new EmbeddedPostgresError(
    'binaries_missing',
    `The PostgreSQL binaries do not run, neither from ${binaries.root} nor from ${copy.root}: ` +
      'is the folder mounted noexec, or the installation incomplete? Run npm ci again, or set COFFER_DATABASE_URL',
    new Error(output.trim()),
  );
}

/** Others may read what is below it, and nobody but us may have put it there: it is about to be run. */
async function prepareSharedFolder(folder: string, account?: Account): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const { mode, uid } = await stat(folder);
    if (uid !== ownUserId() || (mode & 0o022) !== 0) {
      throw new EmbeddedPostgresError(
        'unsafe_directory',
        `${folder} is not ours alone to write, so no programs are kept there: run chown root and chmod 755 on it`,
      );
    }
  } catch (error) {
    throw error instanceof EmbeddedPostgresError ? error : fileSystemError('make', folder, error);
  }
  await requireReachable(folder, account);
  return folder;
}

async function reportedMajorVersion(binaries: PostgresBinaries, account?: Account): Promise<number | undefined> {
  // Running it tells what no reading of modes does: folders, links between libraries, noexec, the processor.
  const { succeeded, output } = await runCommand(program(binaries, 'postgres'), ['--version'], { account });
  const shared = join(binaries.root, 'share', 'postgresql', 'postgres.bki');
  const readable = succeeded && (await runCommand('test', ['-r', shared], { account })).succeeded;
  const version = /\) (\d+)/.exec(output)?.[1];
  return readable && version !== undefined ? Number(version) : undefined;
}

async function stage(source: string, target: string): Promise<void> {
  const temporary = temporaryPath(target, 'new');
  const links = await readLinks(source);
  const skipped = new Set(links.map(({ target: link }) => link));
  await mkdir(temporary, { mode: 0o755 });
  await cp(source, temporary, {
    recursive: true,
    // A package manager may link whole files or folders into a store that the account can't enter either.
    dereference: true,
    // Static libraries are for building programs; links between libraries are made anew below.
    filter: (path) => !path.endsWith('.a') && !skipped.has(relative(source, path)),
  });
  await Promise.all(
    links.map(({ source: file, target: link }) => symlink(relative(dirname(link), file), join(temporary, link))),
  );
  await openToReaders(temporary);
  await replace(temporary, target);
}

type Link = { readonly source: string; readonly target: string };

/** The links that npm can't pack, as the package lists them: `native/lib/libpq.so.5` → `native/lib/libpq.so.5.18`. */
async function readLinks(root: string): Promise<readonly Link[]> {
  const listed: unknown = JSON.parse(
    await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch((error: unknown) => {
      if (errorCodeOf(error) === 'ENOENT') return '[]';
      throw error;
    }),
  );
  if (!Array.isArray(listed)) return [];
  const inRoot = (path: string): string => relative(basename(root), path);
  return listed.filter(isLink).map(({ source, target }) => ({ source: inRoot(source), target: inRoot(target) }));
}

function isLink(value: unknown): value is Link {
  if (typeof value !== 'object' || value === null || !('source' in value) || !('target' in value)) return false;
  return typeof value.source === 'string' && typeof value.target === 'string';
}

async function openToReaders(folder: string): Promise<void> {
  // An installation under umask 077 is readable by its owner alone; X gives execution only where there was some.
  const { succeeded, output } = await runCommand('chmod', ['-R', 'u=rwX,go=rX', folder]);
  if (!succeeded) throw new Error(output.trim());
}

async function replace(temporary: string, target: string): Promise<void> {
  const old = temporaryPath(target, 'old');
  // Only a copy that does not run is ever replaced (one that a power failure cut short, say).
  const present = await stat(target).then(
    () => true,
    () => false,
  );
  if (present) await rename(target, old);
  try {
    await rename(temporary, target);
  } catch (error) {
    // Another Coffer that started at the same moment was first; its copy is as good.
    if (errorCodeOf(error) !== 'ENOTEMPTY' && errorCodeOf(error) !== 'EEXIST') throw error;
    await discard(temporary);
  }
  if (present) await discard(old);
}
