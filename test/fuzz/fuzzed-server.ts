import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { ProbeReport } from './probe.ts';

/** A Coffer in a process of its own, with a database of its own, that tells how it is. */
export interface FuzzedServer extends AsyncDisposable {
  readonly origin: string;
  readonly adminToken: string;
  /** What it logged as an error. */
  readonly errors: readonly string[];
  /** Whether it still runs. */
  isRunning(): boolean;
  /** After a collection of garbage. */
  memory(): Promise<Required<ProbeReport>['memory']>;
}

const errorsMax = 1_000;

/** @param onHeld gets each report of how long the event loop was held, in milliseconds */
export async function startFuzzedServer(onHeld: (heldMs: number) => void): Promise<FuzzedServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'coffer-fuzz-'));
  const parameters = [
    '--expose-gc',
    '--max-semi-space-size=8',
    '--import',
    beside('probe.ts'),
    beside('../../bin/coffer.mjs'),
  ];
  const child = spawn(process.execPath, parameters, {
    env: { PATH: process.env['PATH'], COFFER_DATA_DIR: dataDir, COFFER_PORT: '0', COFFER_LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const errors: string[] = [];
  const listening = Promise.withResolvers<string>();
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  lines.on('line', (line) => {
    const origin = /^listening on (\S+)$/.exec(line)?.[1];
    if (origin !== undefined) listening.resolve(origin);
    else if (line.startsWith('{') && errors.length < errorsMax) errors.push(line);
  });
  child.once('exit', (code) => listening.reject(new Error(`the server ended with ${code}`)));
  const waiting: ((memory: Required<ProbeReport>['memory']) => void)[] = [];
  child.on('message', ({ heldMs, memory }: ProbeReport) => {
    onHeld(heldMs);
    if (memory) for (const resolved of waiting.splice(0)) resolved(memory);
  });
  const origin = await listening.promise;
  return {
    origin,
    adminToken: (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim(),
    errors,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    memory: () =>
      new Promise((resolved) => {
        waiting.push(resolved);
        child.send('memory');
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function beside(file: string): string {
  return resolve(import.meta.dirname, file);
}
