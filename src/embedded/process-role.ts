import { readdir, stat } from 'node:fs/promises';
import process from 'node:process';
import { errorCodeOf } from './embedded-error.ts';

/** What a process is to a cluster: ended, its postmaster, some other program, or not to be told from here. */
export type ProcessRole = 'ended' | 'postmaster' | 'other' | 'unknown';

/**
 * Tells a postmaster from a process that was given its id later: every process of a PostgreSQL works inside its cluster.
 * Where there is no `/proc`, or it may not be read, a process that lives is `unknown`.
 */
export async function processRole(processId: number, cluster: string): Promise<ProcessRole> {
  if (!isAlive(processId)) return 'ended';
  if (process.platform !== 'linux') return 'unknown';
  const folder = await workingFolder(String(processId));
  if (typeof folder === 'string') return folder;
  return folder.ino === (await stat(cluster)).ino && folder.dev === (await stat(cluster)).dev ? 'postmaster' : 'other';
}

/** Whether any process that we may look at works inside the cluster: backends can outlive their postmaster for a moment. */
export async function hasProcesses(cluster: string): Promise<boolean> {
  const processIds = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const roles = await Promise.all(processIds.map((processId) => processRole(Number(processId), cluster)));
  return roles.includes('postmaster');
}

function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return errorCodeOf(error) === 'EPERM';
  }
}

async function workingFolder(processId: string): Promise<{ ino: number; dev: number } | 'ended' | 'unknown'> {
  try {
    return await stat(`/proc/${processId}/cwd`);
  } catch (error) {
    // A process that has ended but was not waited for yet has no working folder any more.
    return errorCodeOf(error) === 'EACCES' ? 'unknown' : 'ended';
  }
}
