import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startServer } from './server-process.ts';
import { cofferProgram, nodeEnvironment, nodeFlags } from './targets.ts';

/** How long one start took, and what the server held when it had rested. */
export interface StartTime {
  /** From the start of the process until it listens and is ready, in seconds. */
  readonly seconds: number;
  /** Without PostgreSQL's; null where the system does not tell. */
  readonly residentMiB: number | null;
}

/** Starts with the embedded PostgreSQL, in turn. */
export interface StartTimes {
  /** On an empty data directory: the cluster is made, too. */
  readonly first: readonly StartTime[];
  /** On existing data, the master key in a file. */
  readonly second: readonly StartTime[];
  /** On existing data, the master key derived from a password. */
  readonly password: readonly StartTime[];
}

const password = { COFFER_MASTER_PASSWORD: 'a password for the benchmark' };

/** @param idleMs how long a server rests before its memory is read */
export async function measureStarts({
  rounds,
  idleMs,
}: {
  readonly rounds: number;
  readonly idleMs: number;
}): Promise<StartTimes> {
  const first: StartTime[] = [];
  const second: StartTime[] = [];
  const byPassword: StartTime[] = [];
  for (let round = 0; round < rounds; round++) {
    await withDirectory(async (dataDir) => {
      first.push(await startOnce(dataDir, idleMs));
      second.push(await startOnce(dataDir, idleMs));
    });
    await withDirectory(async (dataDir) => {
      await startOnce(dataDir, 0, password);
      byPassword.push(await startOnce(dataDir, idleMs, password));
    });
  }
  return { first, second, password: byPassword };
}

async function startOnce(
  dataDir: string,
  idleMs: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<StartTime> {
  const began = performance.now();
  const server = await startServer([...nodeFlags, cofferProgram], {
    environment: { ...nodeEnvironment, COFFER_DATA_DIR: dataDir, COFFER_PORT: '0', ...environment },
  });
  try {
    const { ok } = await fetch(`${server.origin}/readyz`);
    if (!ok) throw new Error('it listens, but is not ready');
    const seconds = (performance.now() - began) / 1000;
    await delay(idleMs);
    return { seconds, residentMiB: server.usage().residentMiB ?? null };
  } finally {
    await server.stop();
  }
}

async function withDirectory(use: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'coffer-bench-'));
  try {
    await use(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}
