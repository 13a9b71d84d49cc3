import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../src/environment.ts';

/** The command as a program. */
export const commandProgram = fileURLToPath(new URL('../../src/command/main.ts', import.meta.url));

/** How a process has ended, and what it has printed. */
export interface EndedChild {
  readonly pid: number | undefined;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that runs. */
export interface RunningChild {
  readonly process: ChildProcess;
  /** Resolves once the standard output contains a text; fails if it ends before. */
  printed(text: string): Promise<void>;
  readonly ended: Promise<EndedChild>;
}

/** How a process is started. */
export interface ChildOptions {
  readonly environment?: Environment;
  /** What is piped into it; open if undefined. */
  readonly input?: string | Uint8Array | undefined;
  readonly detached?: boolean;
}

/** Starts `coffer` in a process of its own. */
export function startCommand(parameters: readonly string[], options: ChildOptions = {}): RunningChild {
  return startProgram(process.execPath, [commandProgram, ...parameters], options);
}

/** Runs `coffer` to its end. */
export function runCommandLine(parameters: readonly string[], options: ChildOptions = {}): Promise<EndedChild> {
  return startCommand(parameters, { input: '', ...options }).ended;
}

/** Starts a program with pipes as its standard streams. */
export function startProgram(
  file: string,
  parameters: readonly string[],
  { environment = {}, input, detached = false }: ChildOptions = {},
): RunningChild {
  const stdio: StdioOptions = ['pipe', 'pipe', 'pipe'];
  const child = spawn(file, parameters, { env: { PATH: process.env['PATH'], ...environment }, stdio, detached });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.stdin?.on('error', () => undefined);
  if (input !== undefined) child.stdin?.end(input);
  const ended = once(child, 'close').then(([exitCode, signal]) => ({
    pid: child.pid,
    exitCode,
    signal,
    stdout: stdout.text(),
    stderr: stderr.text(),
  }));
  const printed = async (text: string) => {
    while (!stdout.text().includes(text)) {
      const next = await Promise.race([once(child.stdout ?? child, 'data'), ended]);
      if (!Array.isArray(next) && !stdout.text().includes(text)) throw new Error(`it has ended: ${stderr.text()}`);
    }
  };
  return { process: child, printed, ended };
}

function collect(stream: NodeJS.ReadableStream | null): { text(): string } {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { text: () => Buffer.concat(chunks).toString() };
}
