import { statSync } from 'node:fs';
import { join } from 'node:path';
import { mayExecute } from './executable-file.ts';
import { refusalCodes, StartRefusal } from './start-refusal.ts';

/** Where a command is searched if `PATH` is not set, as by execvp of the common C libraries. */
const defaultPath = '/usr/local/bin:/bin:/usr/bin';

/**
 * The path of a command as shells find it: a name with a slash is a path; any other is searched in `PATH`, whose empty
 * entries are the working directory, and a file that cannot be executed is passed over.
 *
 * @throws StartRefusal with 127 where there is none, with 126 where none can be executed
 */
export function findProgram(command: string, path: string | undefined): string {
  const candidates = command.includes('/') ? [command] : placesOf(command, path ?? defaultPath);
  const states = candidates.map((candidate) => ({ candidate, state: stateOf(candidate) }));
  const found = states.find(({ state }) => state === 'executable');
  if (found) return found.candidate;
  if (states.some(({ state }) => state === 'not executable')) {
    throw new StartRefusal(refusalCodes.notExecutable, `${command}: cannot be executed`);
  }
  throw new StartRefusal(refusalCodes.notFound, `${command}: not found`);
}

function placesOf(command: string, path: string): readonly string[] {
  if (command === '') return [];
  return path.split(':').map((folder) => (folder === '' ? `./${command}` : join(folder, command)));
}

function stateOf(path: string): 'executable' | 'not executable' | 'absent' {
  const stats = statOf(path);
  if (stats === 'absent') return 'absent';
  return stats === 'file' && mayExecute(path) ? 'executable' : 'not executable';
}

function statOf(path: string): 'file' | 'other' | 'absent' {
  try {
    return statSync(path).isFile() ? 'file' : 'other';
  } catch (error) {
    const isForbidden = error instanceof Error && 'code' in error && error.code === 'EACCES';
    return isForbidden ? 'other' : 'absent';
  }
}
