import { dirname } from 'node:path';
import type { Account } from './account.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { runCommand } from './run-command.ts';

/**
 * Checks that the account can enter a folder by its path, by trying it as that account.
 * @throws EmbeddedPostgresError `unreachable_directory`, naming the outermost folder that stops it
 */
export async function reachableOrThrow(folder: string, account: Account | undefined): Promise<void> {
  if (account === undefined || (await canEnter(folder, account))) return;
  const outermost = await firstClosed(ancestorsOf(folder), account);
  throw new EmbeddedPostgresError(
    'unreachable_directory',
    `PostgreSQL runs as ${account.name}, which can't pass through ${outermost ?? folder} to reach ${folder}: ` +
      `run chmod o+x ${outermost ?? folder}, or choose a COFFER_DATA_DIR elsewhere, such as /var/lib/coffer`,
  );
}

async function canEnter(folder: string, account: Account): Promise<boolean> {
  return (await runCommand('test', ['-x', folder], account)).succeeded;
}

async function firstClosed(folders: readonly string[], account: Account): Promise<string | undefined> {
  const open = await Promise.all(folders.map((folder) => canEnter(folder, account)));
  return folders[open.indexOf(false)];
}

function ancestorsOf(folder: string): readonly string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [...ancestorsOf(parent), folder];
}
