import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Environment } from '../../src/environment.ts';

const program = resolve(import.meta.dirname, '../../src/command/main.ts');

/** Whether commands can be run on a pseudo-terminal here: by util-linux' `script`, whose options others do not have. */
export const hasTerminals = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

/** What is typed once a text is shown. */
export interface Answer {
  readonly after: string;
  readonly type: string;
}

/** What a terminal has shown, echoes included, and how the command has ended. */
export interface TerminalResult {
  readonly shown: string;
  readonly exitCode: number;
}

/** Runs a command on a terminal of 80 columns, and types each answer once its question is shown. */
export async function runOnTerminal(
  parameters: readonly string[],
  answers: readonly Answer[],
  environment: Environment,
): Promise<TerminalResult> {
  const command = ['exec', process.execPath, program, ...parameters].join(' ');
  const child = spawn('script', ['-qfec', `stty cols 80 rows 24; ${command}`, '/dev/null'], {
    env: { ...environment, PATH: process.env['PATH'], TERM: 'xterm', SHELL: '/bin/sh' },
  });
  const open = [...answers];
  let shown = '';
  let seen = 0;
  child.stdout.on('data', (chunk) => {
    shown += String(chunk);
    const place = open[0] === undefined ? -1 : shown.indexOf(open[0].after, seen);
    if (place === -1) return;
    seen = shown.length;
    child.stdin.write(open.shift()?.type ?? '');
  });
  await once(child, 'close');
  return { shown, exitCode: child.exitCode ?? -1 };
}
