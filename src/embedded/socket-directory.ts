import { createHash } from 'node:crypto';
import { chown, lstat, mkdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { type Account, type DataDirectoryAccess, ownUserId, requireReachable } from './account.ts';
import { EmbeddedPostgresError, errorCodeOf, fileSystemError } from './errors.ts';

/** The port in the socket's name. It is fixed, because each socket has its own folder. */
export const socketPort = 5432;

// The size of sockaddr_un.sun_path without the terminating zero byte.
const socketPathBytesMax = process.platform === 'linux' ? 107 : 103;

/**
 * Creates or checks the folder of PostgreSQL's socket, with mode 0700. It is `<dataDir>/socket`, or a folder in the temporary
 * directory where the path would be too long for the kernel or the account cannot reach it. Access to the folder is the only
 * authentication, so a folder of another owner, or one that others may enter, is rejected.
 *
 * @throws EmbeddedPostgresError `unsafe_directory`, or an error of the file system
 */
export async function ensureSocketDirectory(access: DataDirectoryAccess): Promise<string> {
  const { account, dataDir } = access;
  const folder = chooseFolder(access);
  try {
    if (dirname(folder) !== dataDir) await refuseUnsafeParent(dirname(folder));
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (errorCodeOf(error) !== 'EEXIST') throw error;
    });
    await refuseForeignFolder(folder, account);
    if (account !== undefined) await chown(folder, account.uid, account.gid);
  } catch (error) {
    throw error instanceof EmbeddedPostgresError ? error : fileSystemError('make', folder, error);
  }
  await requireReachable(folder, account);
  return folder;
}

function chooseFolder({ byPath, dataDir }: DataDirectoryAccess): string {
  const name = `coffer-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`;
  const folders = [...(byPath ? [join(dataDir, 'socket')] : []), join(tmpdir(), name), join('/tmp', name)];
  const folder = folders.find((path) => Buffer.byteLength(join(path, `.s.PGSQL.${socketPort}`)) <= socketPathBytesMax);
  if (folder !== undefined) return folder;
  throw new EmbeddedPostgresError('unsafe_directory', 'No folder has a path short enough for a socket');
}

async function refuseForeignFolder(folder: string, account?: Account): Promise<void> {
  // lstat, because a link could lead to a folder of its owner's choice.
  const found = await lstat(folder);
  const owned = found.uid === ownUserId() || found.uid === account?.uid;
  if (found.isDirectory() && owned && (found.mode & 0o777) === 0o700) return;
  throw new EmbeddedPostgresError(
    'unsafe_directory',
    `${folder} is not a folder of mode 700 that belongs to ${account?.name ?? 'this user'}, so it cannot hold the ` +
      'socket of the database: find out who made it and remove it, or choose a shorter COFFER_DATA_DIR',
  );
}

async function refuseUnsafeParent(parent: string): Promise<void> {
  const { mode } = await stat(parent);
  // Without the sticky bit, any account with write access could replace the folder.
  if ((mode & 0o022) === 0 || (mode & 0o1000) !== 0) return;
  throw new EmbeddedPostgresError(
    'unsafe_directory',
    `${parent} is writable by others and not sticky, so it cannot hold the socket of the database: ` +
      'run chmod +t on it, or choose a shorter COFFER_DATA_DIR',
  );
}
