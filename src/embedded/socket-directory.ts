import { createHash } from 'node:crypto';
import { chown, lstat, mkdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { ownUserId, type Account } from './account.ts';
import { requireReachable, type DataDirectoryAccess } from './data-directory-access.ts';
import { EmbeddedPostgresError, errorCodeOf } from './embedded-error.ts';
import { fileSystemError } from './failure.ts';

/** The port in the socket's name; each socket has a folder of its own, so that it needs no choosing. */
export const socketPort = 5432;

// sockaddr_un.sun_path, less the closing zero byte.
const socketPathBytesMax = process.platform === 'linux' ? 107 : 103;

/**
 * Makes or checks the 0700 folder that PostgreSQL's socket is made in: `<dataDir>/socket`, or a short one below the
 * temporary directory when the path of the socket would be too long for the kernel, or can't be walked by the account. Entering it is the whole
 * authentication, so a folder that someone else made, or that others may enter, is refused.
 * @throws EmbeddedPostgresError `unsafe_directory`, or what the file system says
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
  // lstat: a link would lead wherever its owner wants.
  const found = await lstat(folder);
  const owned = found.uid === ownUserId() || found.uid === account?.uid;
  if (found.isDirectory() && owned && (found.mode & 0o777) === 0o700) return;
  throw new EmbeddedPostgresError(
    'unsafe_directory',
    `${folder} is not a folder of mode 700 that belongs to ${account?.name ?? 'this user'}, so it can't hold the ` +
      'socket of the database: find out who made it and remove it, or choose a shorter COFFER_DATA_DIR',
  );
}

async function refuseUnsafeParent(parent: string): Promise<void> {
  const { mode } = await stat(parent);
  // Without the sticky bit everyone who may write there could put another folder in the place of ours.
  if ((mode & 0o022) === 0 || (mode & 0o1000) !== 0) return;
  throw new EmbeddedPostgresError(
    'unsafe_directory',
    `${parent} is writable by others and not sticky, so it can't hold the socket of the database: ` +
      'run chmod +t on it, or choose a shorter COFFER_DATA_DIR',
  );
}
