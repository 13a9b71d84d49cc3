import { readdir, stat } from 'node:fs/promises';
import process from 'node:process';
import { errorCodeOf } from './embedded-error.ts';

/**
 * What a process is to a cluster: gone; dead, but not waited for by its parent; its postmaster (or a backend of it);
 * some other program; or not to be told from here.
 */
export type ProcessRole = 'gone' | 'defunct' | 'postmaster' | 'other' | 'unknown';

/**
 * Tells a postmaster from a process that was given its id later: every process of a PostgreSQL works inside its cluster.
 * Where there is no `/proc`, or it may not be read, a process that lives is `unknown`.
 */
export async function processRole(processId: number, cluster: string): Promise<ProcessRole> {
  if (!isAlive(processId)) return 'gone';
  if (process.platform !== 'linux') return 'unknown';
  try {
    const [actual, expected] = await Promise.all([stat(`/proc/${processId}/cwd`), stat(cluster)]);
    return actual.ino === expected.ino && actual.dev === expected.dev ? 'postmaster' : 'other';
  } catch (error) {
    // A dead process has no working folder any more.
    return errorCodeOf(error) === 'EACCES' ? 'unknown' : 'defunct';
  }
}

/**
 * Whether any process works, or for all we can see might work, inside the cluster: backends can outlive their postmaster
 * for a moment. Needs `/proc`.
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

/** Whether there is a process of that id, dead ones that nobody waited for included. */
export function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return errorCodeOf(error) === 'EPERM';
  }
}
