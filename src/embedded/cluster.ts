import { chown, mkdir, open, readFile, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, type DataDirectoryAccess, namedFolder, ownUserId } from './account.ts';
import { program, type RunnableBinaries } from './binaries.ts';
import { discard, temporaryPath } from './data-directory.ts';
import { EmbeddedPostgresError, errorCodeOf, fileSystemError, serverError } from './errors.ts';
import { runCommand } from './run-command.ts';

/** The superuser that owns the cluster. It has no password: access to the socket's folder is the authentication. */
export const clusterUser = 'coffer';

/** How a cluster is made: the same on every machine. */
export const initdbOptions = [
  '--data-checksums',
  '--encoding=UTF8',
  // PostgreSQL's built-in C.UTF-8 sorts the same everywhere, so an update of libc or ICU cannot break an index.
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  `--username=${clusterUser}`,
  '--auth-local=trust',
  '--auth-host=reject',
];

/** The path of the cluster in a data directory. */
export function clusterPath(dataDir: string): string {
  return join(dataDir, 'postgres');
}

/** The user id that owns the cluster, undefined while there is none. */
export async function clusterOwner(dataDir: string): Promise<number | undefined> {
  const cluster = clusterPath(dataDir);
  try {
    return (await stat(cluster)).uid;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw fileSystemError('look at', cluster, error);
  }
}

/**
 * Creates the cluster where there is none, or else checks that these binaries and this account can serve it. A new cluster
 * is built in a temporary folder and renamed, so that an interrupted start leaves no partial one, and two concurrent starts
 * use the same one. An existing cluster is never changed or removed.
 *
 * @throws EmbeddedPostgresError `wrong_owner`, `incompatible_version`, `corrupted`, or an error of initdb or the file system
 */
export async function ensureCluster(
  access: DataDirectoryAccess,
  binaries: RunnableBinaries,
): Promise<'made' | 'found'> {
  const cluster = clusterPath(access.dataDir);
  try {
    const made = !(await holdsFiles(cluster)) && (await makeCluster(access, binaries));
    if (!made) await checkCluster(cluster, binaries.majorVersion, access.account);
    return made ? 'made' : 'found';
  } catch (error) {
    throw error instanceof EmbeddedPostgresError ? error : fileSystemError('make or read', cluster, error);
  }
}

async function makeCluster(access: DataDirectoryAccess, binaries: RunnableBinaries): Promise<boolean> {
  const { account, dataDir } = access;
  const cluster = clusterPath(dataDir);
  const temporary = temporaryPath(cluster, 'new');
  await mkdir(temporary, { mode: 0o700 });
  try {
    if (account !== undefined) await chown(temporary, account.uid, account.gid);
    const { name, workingFolder } = namedFolder(access, temporary);
    const args = [`--pgdata=${name}`, ...initdbOptions];
    const initdb = await runCommand(program(binaries, 'initdb'), args, { account, workingFolder });
    if (!initdb.succeeded) throw await serverError('make', cluster, initdb.output);
    await rename(temporary, cluster);
  } catch (error) {
    // Where that fails too, as on a full disk, the first error is more specific, and the next start removes the folder.
    await discard(temporary).catch(() => undefined);
    if (errorCodeOf(error) === 'ENOTEMPTY' || errorCodeOf(error) === 'EEXIST') return false;
    throw error;
  }
  await syncFolder(dataDir);
  return true;
}

/** initdb syncs its files; the rename is durable only after the parent folder is synced, too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function holdsFiles(cluster: string): Promise<boolean> {
  try {
    return (await readdir(cluster)).length > 0;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return false;
    // A folder that cannot be read is a cluster of another account, which checkCluster names.
    if (errorCodeOf(error) === 'EACCES') return true;
    throw error;
  }
}

async function checkCluster(cluster: string, majorVersion: number, account?: Account): Promise<void> {
  const { uid } = await stat(cluster);
  const expected = account?.uid ?? ownUserId();
  if (uid !== expected) {
    throw new EmbeddedPostgresError(
      'wrong_owner',
      `${cluster} belongs to user id ${uid}, but PostgreSQL would run as ${account?.name ?? 'this user'} (${expected}): ` +
        'start Coffer as the user that made it, or give the folder to this one with chown -R',
    );
  }
  const version = await readVersion(cluster);
  if (version === majorVersion) return;
  throw new EmbeddedPostgresError(
    'incompatible_version',
    `${cluster} was made by PostgreSQL ${version}, and this Coffer brings ${majorVersion}: ` +
      'start the Coffer that made it, back up there and restore here',
  );
}

async function readVersion(cluster: string): Promise<number> {
  const text = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    if (errorCodeOf(error) === 'ENOENT') return '';
    throw error;
  });
  const version = /^\d+$/.exec(text.trim())?.[0];
  if (version !== undefined) return Number(version);
  throw new EmbeddedPostgresError(
    'corrupted',
    `${cluster} holds files but no readable PG_VERSION, so it is not changed: ` +
      'restore it from a backup, or move it away to start with an empty database',
  );
}
