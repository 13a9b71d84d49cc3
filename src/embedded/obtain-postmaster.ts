import type { ChildProcess } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { clusterUser } from './cluster.ts';
import { EmbeddedPostgresError, serverError } from './errors.ts';
import { probe, type PostgresConnection } from './postgres-connection.ts';
import {
  clearDamagedFile,
  clearStaleFiles,
  processRole,
  type ProcessRole,
  readPostmasterFile,
} from './postmaster-process.ts';
import { spawnPostmaster, type PostmasterSettings } from './postmaster.ts';
import { readServerLog, serverLogBytes } from './server-log.ts';

/** A postmaster that accepts sessions, with the session that was opened to test it. */
export type ServingPostmaster = {
  readonly processId: number;
  readonly connection: PostgresConnection;
  readonly session: Client;
};

type Sighting =
  | { readonly state: 'ready'; readonly postmaster: ServingPostmaster }
  | { readonly state: 'busy' | 'absent'; readonly role: ProcessRole; readonly processId: number | undefined };

const pollMs = 20;
// Without any response. Recovery has no time limit while the postmaster reports it.
const silenceMsMax = 60_000;

/** Looks once for the postmaster of a cluster. The caller must end the session of one that is ready. */
export async function lookForPostmaster(cluster: string): Promise<Sighting> {
  const file = await readPostmasterFile(cluster);
  if (file === undefined) return { state: 'absent', role: 'gone', processId: undefined };
  const { processId, socket } = file;
  const role = await processRole(processId, cluster);
  // Tried even if the process seems to be gone, because processes of other containers are invisible.
  const connection = socket && { ...socket, user: clusterUser, database: 'postgres' };
  const answer = connection && (await probe(connection));
  if (answer?.state !== 'ready' || connection === undefined) {
    return { state: answer?.state === 'busy' ? 'busy' : 'absent', role, processId };
  }
  if (role === 'postmaster' || (await servesFrom(answer.session, cluster))) {
    return { state: 'ready', postmaster: { processId, connection, session: answer.session } };
  }
  // The data directory is a copy, and its lock file describes the postmaster of the original.
  await answer.session.end();
  return { state: 'absent', role, processId };
}

/**
 * Finds the postmaster that a killed Coffer left running, waits for one that is starting or stopping, or starts one.
 *
 * @param stop aborted to cancel the start
 * @throws EmbeddedPostgresError with the reason why PostgreSQL did not start; `stopped` where it was cancelled
 */
export async function obtainPostmaster(settings: PostmasterSettings, stop: AbortSignal): Promise<ServingPostmaster> {
  let deadline = performance.now() + silenceMsMax;
  let attempt: Attempt | undefined;
  for (;;) {
    const sighting = await lookForPostmaster(settings.cluster);
    if (sighting.state === 'ready') return sighting.postmaster;
    if (sighting.state === 'busy' && !stop.aborted) deadline = performance.now() + silenceMsMax;
    // A busy postmaster is waited for even then: once it is ready, it can be shut down cleanly.
    if (stop.aborted && sighting.state === 'absent') throw await cancelStart(attempt);
    const late = performance.now() > deadline;
    if (attempt !== undefined && hasEnded(attempt.child)) {
      const error = await attempt.explain();
      if (error.code !== 'in_use' || late) throw error;
      attempt = undefined;
    }
    if (late) throw await startTimeout(settings, attempt);
    if (sighting.state === 'absent' && sighting.role !== 'postmaster' && attempt === undefined) {
      if (sighting.processId !== undefined) await clearStaleFiles(settings, sighting.processId, sighting.role);
      // On systems other than Linux, PostgreSQL itself rejects such a file with a message.
      const mayBeStarting = (await clearDamagedFile(settings.cluster)) && process.platform === 'linux';
      if (!mayBeStarting) attempt = await startAttempt(settings);
    }
    await delay(pollMs);
  }
}

type Attempt = { readonly child: ChildProcess; readonly explain: () => Promise<EmbeddedPostgresError> };

async function startAttempt(settings: PostmasterSettings): Promise<Attempt> {
  const { cluster, logFile } = settings;
  const offset = await serverLogBytes(logFile);
  const child = await spawnPostmaster(settings);
  return { child, explain: async () => serverError('start', cluster, await readServerLog(logFile, offset)) };
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function cancelStart(attempt: Attempt | undefined): Promise<EmbeddedPostgresError> {
  if (attempt !== undefined && !hasEnded(attempt.child)) {
    const ended = new Promise((resolve) => attempt.child.once('exit', resolve));
    attempt.child.ref();
    attempt.child.kill('SIGINT');
    await ended;
  }
  return new EmbeddedPostgresError('stopped', 'Coffer was stopped before its PostgreSQL was ready');
}

async function startTimeout(
  { cluster }: PostmasterSettings,
  attempt: Attempt | undefined,
): Promise<EmbeddedPostgresError> {
  attempt?.child.kill('SIGQUIT');
  const processId = attempt?.child.pid ?? (await readPostmasterFile(cluster))?.processId;
  return new EmbeddedPostgresError(
    'start_failed',
    `The PostgreSQL of ${cluster} (process ${processId ?? 'unknown'}) has not responded for ${silenceMsMax / 1000} s: ` +
      'stop that process and start again',
  );
}

/**
 * Whether the server has this cluster, and not the original of a copy, which differs in its change time. Paths cannot be
 * compared, because folders are moved and mounted, and every postmaster may have been started with `/proc/self/cwd`.
 */
async function servesFrom(session: Client, cluster: string): Promise<boolean> {
  const { rows } = await session.query<{ changed: string }>(
    "select extract(epoch from change)::bigint as changed from pg_stat_file('PG_VERSION')",
  );
  const { ctimeMs } = await stat(join(cluster, 'PG_VERSION'));
  return Number(rows[0]?.changed) === Math.floor(ctimeMs / 1000);
}
