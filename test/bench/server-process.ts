import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** What a process has used so far; undefined members where the system does not tell. */
export interface Usage {
  /** Of all its threads, in user and system mode, in microseconds, to 10 ms. */
  readonly cpuMicros: number | undefined;
  /** Resident memory in MiB. */
  readonly residentMiB: number | undefined;
}

/** A server in a process of its own. */
export interface ServerProcess {
  readonly origin: string;
  usage(): Usage;
  /** SIGTERM, and SIGKILL where that takes too long. */
  stop(): Promise<void>;
}

/** What a server is started with. */
export interface ServerOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Where its standard error goes: to the null device, or to this process's own. */
  readonly errors?: 'ignore' | 'inherit';
}

// The kernel's USER_HZ is 100 on every architecture that Node runs on.
const tickMicros = 10_000;
const stopMsMax = 15_000;

/**
 * Runs a program by this process's own Node, and waits until it prints where it listens.
 *
 * @param parameters Node's options, the program, its parameters
 */
export async function startServer(
  parameters: readonly string[],
  { environment = {}, errors = 'ignore' }: ServerOptions = {},
): Promise<ServerProcess> {
  const env = { PATH: process.env['PATH'], ...environment };
  const child = spawn(process.execPath, parameters, { env, stdio: ['pipe', 'pipe', errors] });
  const { pid } = child;
  if (pid === undefined) throw new Error('a server could not be started');
  return { origin: await originOf(child), usage: () => usageOf(pid), stop: () => stop(child) };
}

async function originOf({ stdout }: { readonly stdout: NodeJS.ReadableStream }): Promise<string> {
  let origin: string | undefined;
  for await (const line of createInterface({ input: stdout })) {
    origin = /^listening on (\S+)$/.exec(line)?.[1];
    if (origin !== undefined) break;
  }
  if (origin === undefined) throw new Error('a server ended before it listened');
  stdout.resume();
  return origin;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(timer);
}

/** By /proc, where there is one. */
export function usageOf(pid: number): Usage {
  if (process.platform !== 'linux') return { cpuMicros: undefined, residentMiB: undefined };
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets, and may hold anything; the third follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return {
    cpuMicros: (Number(fields[11]) + Number(fields[12])) * tickMicros,
    residentMiB: Number(resident) / 1024,
  };
}
