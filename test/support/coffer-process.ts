import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { Environment } from '../../src/config/config.ts';

const program = resolve(import.meta.dirname, '../../bin/coffer.mjs');

/** A Coffer in a process of its own, as an operator starts it. */
export interface CofferProcess {
  readonly origin: string;
  readonly adminToken: string;
  readonly process: ChildProcess;
  /** Everything that it has printed, logs included. */
  output(): string;
  /** SIGKILL: nothing is flushed, nothing is said. */
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>;
}

/** What a command printed, and how it ended. */
export interface CommandEnd {
  readonly exitCode: number | null;
  readonly output: string;
}

/** How a process differs from one that an operator starts. */
export interface ProcessOptions {
  /** The URL of a module that Node loads before Coffer; what it writes to the file descriptor 3 is passed on by lines. */
  readonly loads?: string;
  readonly onLine?: (line: string, process: ChildProcess) => void;
}

/** Starts a server on a data directory, and waits for its `listening on`. */
export async function startCofferProcess(
  dataDir: string,
  environment: Environment = {},
  options: ProcessOptions = {},
): Promise<CofferProcess> {
  const child = spawnCoffer([], { COFFER_DATA_DIR: dataDir, COFFER_PORT: '0', ...environment }, options);
  const output = collect(child);
  const origin = await listening(child, output);
  const adminToken = environment['COFFER_ADMIN_API_KEY'] ?? (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
  return {
    origin,
    adminToken,
    process: child,
    output,
    kill: () => end(child, 'SIGKILL').then(() => undefined),
    stop: () => end(child, 'SIGTERM'),
  };
}

/** Runs a command to its end. */
export async function runCoffer(
  parameters: readonly string[],
  environment: Environment = {},
  options: ProcessOptions = {},
): Promise<CommandEnd> {
  const child = spawnCoffer(parameters, { COFFER_PORT: '0', ...environment }, options);
  const output = collect(child);
  const [exitCode] = await once(child, 'close');
  return { exitCode, output: output() };
}

function spawnCoffer(
  parameters: readonly string[],
  environment: Environment,
  { loads, onLine }: ProcessOptions,
): ChildProcess {
  const loaded = loads === undefined ? [] : ['--import', loads];
  const child = spawn(process.execPath, [...loaded, program, ...parameters], {
    env: { ...inherited(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe', loads === undefined ? 'ignore' : 'pipe'],
  });
  const lines = child.stdio[3];
  if (onLine && lines instanceof Readable) {
    createInterface({ input: lines }).on('line', (line) => onLine(line, child));
  }
  return child;
}

/** `NODE_V8_COVERAGE` is how coverage reaches into other processes. */
function inherited(): Environment {
  const { PATH, NODE_V8_COVERAGE, TMPDIR } = process.env;
  return { PATH, NODE_V8_COVERAGE, TMPDIR };
}

function collect(child: ChildProcess): () => string {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

async function listening(child: ChildProcess, output: () => string): Promise<string> {
  const { promise, resolve: found, reject } = Promise.withResolvers<string>();
  const look = () => {
    const origin = /^listening on (\S+)$/m.exec(output())?.[1];
    if (origin !== undefined) found(origin);
  };
  child.stdout?.on('data', look);
  child.once('close', (code) => reject(new Error(`it ended with ${code} before it listened:\n${output()}`)));
  return promise;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const closed = once(child, 'close');
  child.kill(signal);
  const [exitCode] = await closed;
  return exitCode;
}
