import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { chooseAccount, type Account } from '../../src/embedded/account.ts';
import { EmbeddedPostgresError } from '../../src/embedded/errors.ts';
import type { EmbeddedLog } from '../../src/embedded/postmaster-keeper.ts';
import type { PostgresConnection } from '../../src/embedded/postgres-connection.ts';
import { stopPostmaster } from '../../src/embedded/postmaster.ts';
import { processRole, readPostmasterFile } from '../../src/embedded/postmaster-process.ts';
import { runCommand } from '../../src/embedded/run-command.ts';

/** A log that keeps nothing. */
export const quiet: EmbeddedLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Whether the tests run as root, who alone can become others, change owners and mount. */
export const isRoot = process.geteuid?.() === 0;

const servePath = join(import.meta.dirname, 'serve.ts');
const patienceMs = 30_000;
// What a failed test leaves behind is ended after it.
const serving = new Set<ChildProcess>();

/** What `serve.ts` reports. */
export type Report = {
  readonly event: 'ready' | 'refused' | 'lost' | 'stopped' | 'warned' | 'interrupted';
  readonly code?: string;
  readonly message?: string;
  readonly connection?: PostgresConnection;
};

/** A running `serve.ts`. */
export type ServingProcess = {
  readonly child: ChildProcess;
  /** The next thing it reports; undefined when it has ended. */
  readonly next: () => Promise<Report | undefined>;
  /** Its connection, or a failed test when it was refused. */
  readonly ready: () => Promise<PostgresConnection>;
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** Starts `serve.ts` in a process group of its own, as the account when one is given. */
export function serve(dataDir: string, account?: Account): ServingProcess {
  const child = spawn(process.execPath, [servePath, dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    cwd: '/',
    // Another account may not write down what it covered.
    ...(account && { uid: account.uid, gid: account.gid, env: { ...process.env, NODE_V8_COVERAGE: undefined } }),
  });
  const closed = once(child, 'close');
  serving.add(child);
  void closed.then(() => serving.delete(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Report | undefined> => {
    const { done, value } = await lines.next();
    if (done === true) return undefined;
    const report: Report = JSON.parse(value);
    return report;
  };
  return {
    child,
    next,
    ready: async () => {
      const report = await next();
      if (report?.connection === undefined) throw new Error(`not ready: ${JSON.stringify(report)}`);
      return report.connection;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
    },
    stop: async () => {
      child.stdin.end();
      await closed;
    },
  };
}

/** Whom to run `serve.ts` as, to see both sides: ourselves and, when that is root, an ordinary user. */
export async function ordinaryAccount(): Promise<Account | undefined> {
  const account = isRoot ? await chooseAccount(undefined) : undefined;
  const canRun = await runCommand('test', ['-r', servePath], { account });
  if (!canRun.succeeded) throw new Error(`${account?.name ?? 'this user'} cannot read the checkout`);
  return account;
}

/** Runs an action in a temporary folder, owned by the account when one is given, then stops what runs there and removes it. */
export async function inFolder(action: (folder: string) => Promise<void>, owner?: Account): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-embedded-'));
  await chmod(folder, 0o755);
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  try {
    await action(folder);
  } finally {
    for (const child of serving) child.kill('SIGKILL');
    await stopAnyPostmaster(join(folder, 'data', 'postgres'));
    await rm(folder, { recursive: true, force: true });
  }
}

/** Stops the postmaster of a cluster, should there be one, as an operator would. */
export async function stopAnyPostmaster(cluster: string): Promise<void> {
  const file = await readPostmasterFile(cluster).catch(() => undefined);
  if (file !== undefined && (await processRole(file.processId, cluster)) === 'postmaster') {
    await stopPostmaster(cluster, file.processId);
  }
}

/** The process id of the postmaster that serves a data directory. */
export async function postmasterOf(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10);
}

/** Runs one statement on a session of its own. */
export async function query(connection: PostgresConnection, sql: string): Promise<readonly Record<string, unknown>[]> {
  const session = new Client({ ...connection, connectionTimeoutMillis: 5_000 });
  session.on('error', () => undefined);
  try {
    await session.connect();
    return (await session.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await session.end();
  }
}

/** Repeats an action until it succeeds; its last error is thrown after 30 s. */
export async function eventually<Result>(action: () => Promise<Result>): Promise<Result> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(20);
    }
  }
}

/** The EmbeddedPostgresError that an action ends with; anything else fails the test. */
export async function refusal(action: Promise<unknown>): Promise<EmbeddedPostgresError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
