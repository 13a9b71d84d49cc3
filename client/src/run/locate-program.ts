import { fitsArguments } from './argument-limits.ts';
import { examineExecutable } from './executable-file.ts';
import { findProgram } from './find-program.ts';
import type { Program } from './replace-process.ts';

/** A command that was found, before its environment is known. */
export interface LocatedProgram {
  readonly file: string;
  /** Beginning with the name that the program sees as its own. */
  readonly parameters: readonly string[];
  /** Whether executing the file is certain to succeed. */
  readonly isCertain: boolean;
}

const shell = '/bin/sh';

/**
 * Finds what a command executes.
 *
 * @throws StartRefusal with 126 or 127, as shells do
 */
export function locateProgram(
  [command = '', ...parameters]: readonly string[],
  { path, platform }: { readonly path: string | undefined; readonly platform: NodeJS.Platform },
): LocatedProgram {
  // Windows has other rules for the names of programs, and the child process module knows them.
  if (platform === 'win32') return { file: command, parameters: [command, ...parameters], isCertain: false };
  const file = findProgram(command, path);
  const execution = examineExecutable(file);
  if (execution === 'shell') return { file: shell, parameters: [shell, file, ...parameters], isCertain: true };
  return { file, parameters: [command, ...parameters], isCertain: execution === 'direct' };
}

/** Whether this process can become the program. Where it is not certain, a child process shows it without a crash. */
export function canReplaceProcess({ isCertain }: LocatedProgram, { parameters, environment }: Program): boolean {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return isCertain && process.execve !== undefined && fitsArguments({ parameters, environment: variables });
}
