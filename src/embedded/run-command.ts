import { spawn } from 'node:child_process';

/** How a command ended, and the last of what it printed on both streams. */
export type CommandResult = { readonly succeeded: boolean; readonly output: string };

/** The whole environment of every child: the same messages everywhere, and nothing of ours (secrets least of all). */
export const childEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' } as const;

const outputLengthMax = 16_384;

/** As whom to run a command (else as ourselves), and in which folder (else `/`). */
export type CommandOptions = {
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  readonly workingFolder?: string;
};

/** Runs a program to its end. Never throws: what can't be run has not succeeded. */
export function runCommand(
  program: string,
  args: readonly string[],
  { account, workingFolder = '/' }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: workingFolder,
      env: childEnvironment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Apart from the terminal: Ctrl-C stops Coffer, and Coffer decides what happens to an initdb.
      detached: true,
      ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
    });
    let output = '';
    const collect = (chunk: string): void => {
      output = (output + chunk).slice(-outputLengthMax);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.once('error', (error) => resolve({ succeeded: false, output: error.message }));
    child.once('close', (exitCode) => resolve({ succeeded: exitCode === 0, output }));
  });
}
