import { dirname } from 'node:path';
import process from 'node:process';
import type { Account } from './account.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { runCommand } from './run-command.ts';

/** As whom PostgreSQL works on a data directory, and whether that account can get there by the path. */
export type DataDirectoryAccess = {
  /** A real path. */
  readonly dataDir: string;
  /** Undefined: as ourselves. */
  readonly account: Account | undefined;
  readonly byPath: boolean;
};

/**
 * Finds out, by trying it as that account, whether the data directory can be entered by its path. It can't when it lies
 * below a home that is closed to others (`/root`, say). No folder on the way is opened for it.
 * @throws EmbeddedPostgresError `unreachable_directory` where there is no other way than the path: anywhere but on Linux
 */
export async function findAccess(dataDir: string, account: Account | undefined): Promise<DataDirectoryAccess> {
  const byPath = account === undefined || (await canEnter(dataDir, account));
  if (!byPath && process.platform !== 'linux') await requireReachable(dataDir, account);
  return { dataDir, account, byPath };
}

/**
 * How to name a folder of the data directory to a program of PostgreSQL, and where to start that program. A process is
 * put into its working folder while it is still root, and `/proc/self/cwd` leads there without passing any parent.
 */
export function namedFolder(
  { byPath }: DataDirectoryAccess,
  folder: string,
): { readonly name: string; readonly workingFolder: string } {
  return byPath ? { name: folder, workingFolder: '/' } : { name: '/proc/self/cwd', workingFolder: folder };
}

/**
 * Checks that the account can enter a folder by its path.
 * @throws EmbeddedPostgresError `unreachable_directory`, naming the outermost folder that stops it
 */
export async function requireReachable(folder: string, account: Account | undefined): Promise<void> {
  if (account === undefined || (await canEnter(folder, account))) return;
  const outermost = (await firstClosed(ancestorsOf(folder), account)) ?? folder;
  throw new EmbeddedPostgresError(
    'unreachable_directory',
    `PostgreSQL runs as ${account.name}, which can't pass through ${outermost} to reach ${folder}: ` +
      `run chmod o+x ${outermost}, or choose a COFFER_DATA_DIR elsewhere, such as /var/lib/coffer`,
  );
}

async function canEnter(folder: string, account: Account): Promise<boolean> {
  return (await runCommand('test', ['-x', folder], { account })).succeeded;
}

async function firstClosed(folders: readonly string[], account: Account): Promise<string | undefined> {
  const open = await Promise.all(folders.map((folder) => canEnter(folder, account)));
  return folders[open.indexOf(false)];
}

function ancestorsOf(folder: string): readonly string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [...ancestorsOf(parent), folder];
}
