import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { RestoreCoreDumps } from './core-dumps.ts';
import type { Program } from './replace-process.ts';
import { refusalCodes, StartRefusal } from './start-refusal.ts';

/** A command that runs beside this process, with the same terminal and standard streams. */
export interface Child {
  kill(signal: NodeJS.Signals): void;
  /** Its exit code, 128 + n where signal n ended it; fails with a StartRefusal where it did not start. */
  readonly ended: Promise<number>;
}

const messages: Readonly<Record<string, string>> = {
  E2BIG: 'its parameters and environment are too large',
  EACCES: 'cannot be executed',
  ENOENT: 'not found',
};

/** @throws StartRefusal with 126 or 127 where the system refuses at once */
export function startChild(program: Program, restoreCoreDumps: RestoreCoreDumps): Child {
  const { file, environment } = program;
  const [name = file, ...parameters] = program.parameters;
  try {
    const child = spawn(file, parameters, { argv0: name, env: environment, stdio: 'inherit' });
    if (child.pid !== undefined) restoreCoreDumps(child.pid);
    return { kill: (signal) => child.kill(signal), ended: endOf(child, name) };
  } catch (error) {
    throw refusalOf(name, error);
  }
}

function endOf(child: ChildProcess, name: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', (error) => reject(refusalOf(name, error)));
  child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  return promise;
}

function refusalOf(name: string, error: unknown): StartRefusal {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
  const exitCode = code === 'ENOENT' ? refusalCodes.notFound : refusalCodes.notExecutable;
  return new StartRefusal(exitCode, `${name}: ${messages[code] ?? code}`, { cause: error });
}
