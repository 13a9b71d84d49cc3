import { spawn } from 'node:child_process';

/** Whether a command succeeded, and the last part of its output on both streams. */
export type CommandResult = { readonly succeeded: boolean; readonly output: string };

/** The complete environment of every child process: untranslated messages, and no variable of Coffer, such as a secret. */
export const childEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' } as const;

const outputLengthMax = 16_384;

/** The account of the command, by default that of this process, and its working folder, by default `/`. */
export type CommandOptions = {
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  readonly workingFolder?: string;
};

/** Runs a program to its end. Never throws: a program that cannot be run has not succeeded. */
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
      // In its own terminal session: Ctrl-C stops only Coffer, which decides when an initdb ends.
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
