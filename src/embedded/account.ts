import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import process from 'node:process';
import { geteuid, platform } from 'node:process';
import { EmbeddedPostgresError } from './errors.ts';
import { runCommand } from './run-command.ts';

/** An operating system account that PostgreSQL runs under instead of root. */
export type Account = { readonly name: string; readonly uid: number; readonly gid: number };

// Other daemons share the last one, so the others are preferred.
const candidates = ['postgres', '_postgres', 'nobody'] as const;

/** The user id that this process acts as. */
export function ownUserId(): number {
  if (geteuid === undefined) {
    throw new EmbeddedPostgresError(
      'unsupported_platform',
      `The embedded PostgreSQL does not run on ${platform}: set COFFER_DATABASE_URL`,
    );
  }
  return geteuid();
}

/**
 * Chooses the account to run PostgreSQL under, which is undefined for an ordinary user, who runs it directly. For root it is
 * the owner of the cluster, or else the first candidate that exists: a `postgres` account that is added later must not make
 * an existing cluster inaccessible.
 */
export async function chooseAccount(clusterOwnerId: number | undefined): Promise<Account | undefined> {
  if (ownUserId() !== 0) return requireOwnName();
  const accounts = (await Promise.all(candidates.map(findAccount))).filter((account) => account !== undefined);
  const account = accounts.find(({ uid }) => uid === clusterOwnerId) ?? accounts[0];
  if (account !== undefined) return account;
  throw new EmbeddedPostgresError(
    'no_account',
    `PostgreSQL refuses to run as root, and none of the accounts ${candidates.join(', ')} exists: ` +
      'add one, start Coffer as an ordinary user, or set COFFER_DATABASE_URL',
  );
}

async function findAccount(name: string): Promise<Account | undefined> {
  const [user, group] = await Promise.all([runCommand('id', ['-u', name]), runCommand('id', ['-g', name])]);
  const uid = Number.parseInt(user.output, 10);
  const gid = Number.parseInt(group.output, 10);
  const usable = user.succeeded && group.succeeded && uid > 0 && gid > 0;
  return usable ? { name, uid, gid } : undefined;
}

function requireOwnName(): undefined {
  try {
    userInfo();
  } catch (error) {
    throw new EmbeddedPostgresError(
      'no_account',
      `User id ${ownUserId()} has no name on this machine, and PostgreSQL needs one: ` +
        'start Coffer as a user of /etc/passwd, or set COFFER_DATABASE_URL',
      error,
    );
  }
}

/** The account that PostgreSQL uses for a data directory, and whether the account can reach it by its path. */
export type DataDirectoryAccess = {
  /** A real path. */
  readonly dataDir: string;
  /** Undefined where PostgreSQL runs under the account of this process. */
  readonly account: Account | undefined;
  readonly byPath: boolean;
};

/**
 * Tests, as the account, whether the data directory can be entered by its path. It cannot where it is inside a home directory
 * that is closed to other accounts, such as `/root`. The permissions of parent folders are never changed.
 *
 * @throws EmbeddedPostgresError `unreachable_directory` on systems other than Linux, where only the path leads there
 */
export async function findAccess(dataDir: string, account: Account | undefined): Promise<DataDirectoryAccess> {
  const byPath = account === undefined || (await canEnter(dataDir, account));
  if (!byPath && process.platform !== 'linux') await requireReachable(dataDir, account);
  return { dataDir, account, byPath };
}

/**
 * The name of a folder of the data directory for a program of PostgreSQL, and the working folder of that program. A process
 * enters its working folder while it is still root, and `/proc/self/cwd` then leads there without passing any parent.
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
    `PostgreSQL runs as ${account.name}, which cannot pass through ${outermost} to reach ${folder}: ` +
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
