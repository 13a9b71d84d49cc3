import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodeOf } from './embedded-error.ts';
import { fileSystemError } from './failure.ts';

/** What a postmaster says of itself in `postmaster.pid`; the socket is missing for the first moments of its life. */
export type PostmasterFile = {
  readonly processId: number;
  readonly socket: { readonly host: string; readonly port: number } | undefined;
};

/**
 * Reads the `postmaster.pid` of a cluster; undefined when there is none, or none that could be whole.
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

/** Whether there is a lock file that names no process: a crash or a full disk left it empty, or with something else in it. */
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

/** Where the lock file of a cluster lies. */
export function postmasterFilePath(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}
