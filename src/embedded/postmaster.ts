import { spawn, type ChildProcess } from 'node:child_process';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { program, type PostgresBinaries } from './binaries.ts';
import { namedFolder, type DataDirectoryAccess } from './data-directory-access.ts';
import { EmbeddedPostgresError, errorCodeOf } from './embedded-error.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { processRole } from './process-role.ts';
import { childEnvironment } from './run-command.ts';
import { openServerLog } from './server-log.ts';
import { socketPort } from './socket-directory.ts';

/** All that is needed to start the postmaster of a cluster. */
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
  // A query of a Coffer that was killed ends within this time, and lets go of its locks.
  'client_connection_check_interval=1s',
  // Statements and their errors stay out of the log: they hold what callers sent. The caller is told, not the disk.
  'log_min_messages=log',
  'log_statement=none',
  'log_min_duration_statement=-1',
  'log_min_error_statement=panic',
  'log_checkpoints=off',
];

const stopSteps = [
  // Fast shutdown: sessions are ended, a checkpoint is written.
  { signal: 'SIGINT', waitMs: 30_000 },
  // Immediate shutdown: nothing is lost, the next start recovers from the write-ahead log.
  { signal: 'SIGQUIT', waitMs: 15_000 },
] as const;

const pollMs = 20;

/**
 * Starts `postgres` itself rather than `pg_ctl start`: we learn its process id and its end at once, and it needs neither
 * a shell nor a second wait for readiness. It gets a session of its own, so that Ctrl-C in the terminal does not stop
 * the database before Coffer has finished with it; it lives on when Coffer is killed, for the next start to find.
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
    // What can't be started has no process id, which whoever waits for it looks at.
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
 * Stops a postmaster, ours or one that we found, and waits for its end: first fast, then immediate.
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

/** A postmaster removes its file as the last thing it does; one that was killed can't, but is gone. */
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

/** The setting is a list of file names; quoted as one, it may hold commas and spaces. */
function quoted(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}
