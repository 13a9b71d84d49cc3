import { startChild, type Child } from './child.ts';
import type { RestoreCoreDumps } from './core-dumps.ts';
import { forwardSignals } from './forwarded-signals.ts';
import { canReplaceProcess, type LocatedProgram } from './locate-program.ts';
import { replaceProcess, type Program } from './replace-process.ts';

/**
 * Executes a program, as this process where that is certain to succeed, and otherwise as its child.
 *
 * @returns the exit code of the child
 * @throws StartRefusal where the system refuses it
 */
export async function execute(
  located: LocatedProgram,
  environment: Program['environment'],
  restoreCoreDumps: RestoreCoreDumps,
): Promise<number> {
  const program = { file: located.file, parameters: located.parameters, environment };
  if (!canReplaceProcess(located, program)) return accompany(startChild(program, restoreCoreDumps));
  restoreCoreDumps('self');
  return replaceProcess(program);
}

/** Waits for a child, and passes the signals of this process to it. */
async function accompany(child: Child): Promise<number> {
  const stopForwarding = forwardSignals((signal) => child.kill(signal));
  try {
    return await child.ended;
  } finally {
    stopForwarding();
  }
}
