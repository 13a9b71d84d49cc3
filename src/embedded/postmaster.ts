import { spawn, type ChildProcess } from 'node:child_process';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { program, type PostgresBinaries } from './binaries.ts';
import { namedFolder, type DataDirectoryAccess } from './account.ts';
import { EmbeddedPostgresError, errorCodeOf } from './errors.ts';
import { processRole, readPostmasterFile } from './postmaster-process.ts';
import { childEnvironment } from './run-command.ts';
import { openServerLog } from './server-log.ts';
import { socketPort } from './socket-directory.ts';

/** What the postmaster of a cluster is started with. */
export type PostmasterSettings = {
  readonly cluster: string;
  readonly binaries: PostgresBinaries;
  readonly access: DataDirectoryAccess;
  readonly socketDirectory: string;
  readonly logFile: string;
};

const fixedSettings = [
  'listen_addresses=',
  'unix_socket_permissions=0700',
  'fsync=on',
  'full_page_writes=on',
  'timezone=UTC',
  'log_timezone=UTC',
  'logging_collector=off',
  // A query of a killed Coffer ends within this time, and releases its locks.
  'client_connection_check_interval=1s',
  // Statements and their errors contain values that callers sent, so they are not logged.
  'log_min_messages=log',
  'log_statement=none',
  'log_min_duration_statement=-1',
  'log_min_error_statement=panic',
  'log_checkpoints=off',
];

const stopSteps = [
  // Fast shutdown: ends sessions and writes a checkpoint.
  { signal: 'SIGINT', waitMs: 30_000 },
  // Immediate shutdown: the next start recovers from the write-ahead log, without loss.
  { signal: 'SIGQUIT', waitMs: 15_000 },
] as const;

const pollMs = 20;

/**
 * Starts `postgres` directly rather than with `pg_ctl start`, which needs a shell and its own wait for readiness, and hides
 * the process id and exit. It runs in its own terminal session, so that Ctrl-C does not stop the database before Coffer has
 * finished with it. It survives when Coffer is killed, and the next start takes it over.
 */
export async function spawnPostmaster(settings: PostmasterSettings): Promise<ChildProcess> {
  const { access, binaries, cluster, socketDirectory } = settings;
  const { name, workingFolder } = namedFolder(access, cluster);
  const log = await openServerLog(settings.logFile);
  try {
    const values = [...fixedSettings, `port=${socketPort}`, `unix_socket_directories=${quoted(socketDirectory)}`];
    const child = spawn(program(binaries, 'postgres'), ['-D', name, ...values.flatMap((value) => ['-c', value])], {
      cwd: workingFolder,
      env: childEnvironment,
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
      ...(access.account === undefined ? {} : { uid: access.account.uid, gid: access.account.gid }),
    });
    // A process that could not be started has no process id, which the caller checks.
    child.once('error', () => undefined);
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

/** Asks for a fast shutdown, which the postmaster finishes by itself. */
export function askToStop(processId: number): void {
  send(processId, stopSteps[0].signal);
}

/**
 * Stops a postmaster that was started or taken over, first by a fast shutdown, then by an immediate one, and waits for its end.
 *
 * @throws EmbeddedPostgresError `stop_failed`
 */
export async function stopPostmaster(cluster: string, processId: number): Promise<void> {
  for (const { signal, waitMs } of stopSteps) {
    if (!(await isServing(cluster, processId))) return;
    send(processId, signal);
    if (await endsWithin(cluster, processId, waitMs)) return;
  }
  throw new EmbeddedPostgresError(
    'stop_failed',
    `The PostgreSQL of ${cluster} (process ${processId}) does not stop: the next start takes it over`,
  );
}

async function endsWithin(cluster: string, processId: number, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (await isServing(cluster, processId)) {
    if (performance.now() > deadline) return false;
    await delay(pollMs);
  }
  return true;
}

/** A postmaster removes its lock file last. A killed one cannot, but its process is gone. */
async function isServing(cluster: string, processId: number): Promise<boolean> {
  if ((await readPostmasterFile(cluster))?.processId !== processId) return false;
  const role = await processRole(processId, cluster);
  return role === 'postmaster' || role === 'unknown';
}

function send(processId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(processId, signal);
  } catch (error) {
    if (errorCodeOf(error) !== 'ESRCH') throw error;
  }
}

/** The setting is a list of file names. A quoted name may contain commas and spaces. */
function quoted(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}
