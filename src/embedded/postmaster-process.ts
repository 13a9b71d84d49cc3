import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { errorCodeOf, fileSystemError } from './errors.ts';
import type { PostmasterSettings } from './postmaster.ts';
import { socketPort } from './socket-directory.ts';

/** The contents of `postmaster.pid`. The socket is missing while the postmaster is starting. */
export type PostmasterFile = {
  readonly processId: number;
  readonly socket: { readonly host: string; readonly port: number } | undefined;
};

/**
 * Reads the `postmaster.pid` of a cluster. Returns undefined where there is none, or it is incomplete.
 *
 * @see https://www.postgresql.org/docs/18/storage-file-layout.html, and `LOCK_FILE_LINE_*` in PostgreSQL's `pidfile.h`
 */
export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const path = postmasterFilePath(cluster);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw fileSystemError('read', path, error);
  }
  const [processId = '', , , port = '', host = ''] = text.split('\n');
  if (!/^\d+$/.test(processId)) return undefined;
  const socket = /^\d+$/.test(port) && host.startsWith('/') ? { host, port: Number(port) } : undefined;
  return { processId: Number(processId), socket };
}

/** Whether the lock file names no process, because a crash or a full disk left it empty or damaged. */
export async function isPostmasterFileDamaged(cluster: string): Promise<boolean> {
  if ((await readPostmasterFile(cluster)) !== undefined) return false;
  try {
    await stat(postmasterFilePath(cluster));
    return true;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return false;
    throw fileSystemError('look at', postmasterFilePath(cluster), error);
  }
}

/** The path of a cluster's lock file. */
export function postmasterFilePath(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}

/**
 * The relation of a process to a cluster: gone; defunct, which is dead but not reaped by its parent; its postmaster or a
 * backend; another program; or unknown.
 */
export type ProcessRole = 'gone' | 'defunct' | 'postmaster' | 'other' | 'unknown';

/**
 * Distinguishes a postmaster from a process that reuses its id: the working folder of every PostgreSQL process is its
 * cluster. Where `/proc` is missing or cannot be read, a running process is `unknown`.
 */
export async function processRole(processId: number, cluster: string): Promise<ProcessRole> {
  if (!isAlive(processId)) return 'gone';
  if (process.platform !== 'linux') return 'unknown';
  try {
    const [actual, expected] = await Promise.all([stat(`/proc/${processId}/cwd`), stat(cluster)]);
    return actual.ino === expected.ino && actual.dev === expected.dev ? 'postmaster' : 'other';
  } catch (error) {
    // A dead process has no working folder.
    return errorCodeOf(error) === 'EACCES' ? 'unknown' : 'defunct';
  }
}

/**
 * Whether any process works, or might work, inside the cluster: backends can briefly outlive their postmaster. Needs
 * `/proc`.
 */
export async function hasProcesses(cluster: string): Promise<boolean> {
  const { uid } = await stat(cluster);
  const roles = (await readdir('/proc'))
    .filter((entry) => /^\d+$/.test(entry))
    .map(async (entry) => {
      const owner = await stat(`/proc/${entry}`).catch(() => undefined);
      return owner?.uid === uid ? processRole(Number(entry), cluster) : 'other';
    });
  return (await Promise.all(roles)).some((role) => role === 'postmaster' || role === 'unknown');
}

/** Whether there is a process of that id. Includes defunct ones. */
export function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return errorCodeOf(error) === 'EPERM';
  }
}

/**
 * Removes the lock files of a killed postmaster whose process id was reused by another program, or is still that of the
 * defunct process. PostgreSQL cannot detect either and would refuse to start. Both are common in containers, where few ids
 * are in use and orphans are not reaped. PostgreSQL removes all other stale files itself.
 */
export async function clearStaleFiles(
  { cluster, socketDirectory }: Pick<PostmasterSettings, 'cluster' | 'socketDirectory'>,
  processId: number,
  role: ProcessRole,
): Promise<void> {
  // Without /proc it cannot be ruled out that one is running, and a second postmaster would destroy the cluster.
  if (role !== 'other' && role !== 'defunct') return;
  if (process.platform !== 'linux' || (await hasProcesses(cluster))) return;
  await rm(postmasterFilePath(cluster), { force: true });
  const socketLock = join(socketDirectory, `.s.PGSQL.${socketPort}.lock`);
  const holder = await readFile(socketLock, 'utf8').catch(() => '');
  if (Number.parseInt(holder, 10) === processId) await rm(socketLock, { force: true });
}

/**
 * Removes a lock file that names no process, with which PostgreSQL refuses to start. A file that is being written is briefly
 * empty, but then its postmaster already works inside the cluster.
 *
 * @returns whether a file is left because a postmaster may be using it
 */
export async function clearDamagedFile(cluster: string): Promise<boolean> {
  if (!(await isPostmasterFileDamaged(cluster))) return false;
  if (process.platform !== 'linux' || (await hasProcesses(cluster))) return true;
  await rm(postmasterFilePath(cluster), { force: true });
  return false;
}
