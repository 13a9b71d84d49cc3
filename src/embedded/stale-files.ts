import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { isPostmasterFileDamaged, postmasterFilePath } from './postmaster-file.ts';
import type { PostmasterSettings } from './postmaster.ts';
import { hasProcesses, type ProcessRole } from './process-role.ts';
import { socketPort } from './socket-directory.ts';

/**
 * Removes the lock files of a postmaster that was killed, when its process id has been given to another program since,
 * or still stands for the dead process because nobody waited for it. PostgreSQL can't tell and would refuse to start; in
 * containers, where the same few ids come again and nobody waits for orphans, both are common. All other stale files are
 * left to PostgreSQL, which removes them itself.
 */
export async function clearStaleFiles(
  { cluster, socketDirectory }: Pick<PostmasterSettings, 'cluster' | 'socketDirectory'>,
  processId: number,
  role: ProcessRole,
): Promise<void> {
  // Without /proc nobody can be sure, and a second postmaster on one cluster would destroy it.
  if (role !== 'other' && role !== 'defunct') return;
  if (process.platform !== 'linux' || (await hasProcesses(cluster))) return;
  await rm(postmasterFilePath(cluster), { force: true });
  const socketLock = join(socketDirectory, `.s.PGSQL.${socketPort}.lock`);
  const holder = await readFile(socketLock, 'utf8').catch(() => '');
  if (Number.parseInt(holder, 10) === processId) await rm(socketLock, { force: true });
}

/**
 * Removes a lock file that names no process, which PostgreSQL refuses to start on. One that is being written is empty for a
 * moment, but its postmaster works inside the cluster by then.
 *
 * @returns whether one is left that cannot be judged from here
 */
export async function clearDamagedFile(cluster: string): Promise<boolean> {
  if (!(await isPostmasterFileDamaged(cluster))) return false;
  if (process.platform !== 'linux' || (await hasProcesses(cluster))) return true;
  await rm(postmasterFilePath(cluster), { force: true });
  return false;
}
