import type { ChildProcess } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { clusterUser } from './cluster.ts';
import { EmbeddedPostgresError } from './embedded-error.ts';
import { serverError } from './failure.ts';
import { probe, type PostgresConnection } from './postgres-connection.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { spawnPostmaster, type PostmasterSettings } from './postmaster.ts';
import { processRole, type ProcessRole } from './process-role.ts';
import { readServerLog, serverLogBytes } from './server-log.ts';
import { clearDamagedFile, clearStaleFiles } from './stale-files.ts';

/** A postmaster that answers, and the session that was opened to see it. */
export type ServingPostmaster = {
  readonly processId: number;
  readonly connection: PostgresConnection;
  readonly session: Client;
};

type Sighting =
  | { readonly state: 'ready'; readonly postmaster: ServingPostmaster }
  | { readonly state: 'busy' | 'absent'; readonly role: ProcessRole; readonly processId: number | undefined };

const pollMs = 20;
// Without any sign of life. A postmaster that says it is recovering may take as long as that takes.
const silenceMsMax = 60_000;

/** Looks once for the postmaster of a cluster. The session of one that is ready belongs to the caller. */
export async function lookForPostmaster(cluster: string): Promise<Sighting> {
  const file = await readPostmasterFile(cluster);
  if (file === undefined) return { state: 'absent', role: 'gone', processId: undefined };
  const { processId, socket } = file;
  const role = await processRole(processId, cluster);
  // Asked even if the process seems to be gone: seen from another container, it would.
  const connection = socket && { ...socket, user: clusterUser, database: 'postgres' };
  const answer = connection && (await probe(connection));
  if (answer?.state !== 'ready' || connection === undefined) {
    return { state: answer?.state === 'busy' ? 'busy' : 'absent', role, processId };
  }
  if (role === 'postmaster' || (await servesFrom(answer.session, cluster))) {
    return { state: 'ready', postmaster: { processId, connection, session: answer.session } };
  }
  // The data directory is a copy, and its file speaks of the original.
  await answer.session.end();
  return { state: 'absent', role, processId };
}

/**
 * Finds the postmaster that a killed Coffer left behind, waits for one that is starting or ending, or starts one.
 * @throws EmbeddedPostgresError that says why PostgreSQL did not start; `stopped` when the signal says to give up
 */
export async function obtainPostmaster(settings: PostmasterSettings, stop: AbortSignal): Promise<ServingPostmaster> {
  let deadline = performance.now() + silenceMsMax;
  let attempt: Attempt | undefined;
  for (;;) {
    const sighting = await lookForPostmaster(settings.cluster);
    if (sighting.state === 'ready') return sighting.postmaster;
    if (sighting.state === 'busy' && !stop.aborted) deadline = performance.now() + silenceMsMax;
    // A busy one is waited for even then: once it is ready it can be stopped in an orderly way.
    if (stop.aborted && sighting.state === 'absent') throw await giveUp(attempt);
    const late = performance.now() > deadline;
    if (attempt !== undefined && hasEnded(attempt.child)) {
      const error = await attempt.explain();
      if (error.code !== 'in_use' || late) throw error;
      attempt = undefined;
    }
    if (late) throw await tooLate(settings, attempt);
    if (sighting.state === 'absent' && sighting.role !== 'postmaster' && attempt === undefined) {
      if (sighting.processId !== undefined) await clearStaleFiles(settings, sighting.processId, sighting.role);
      // Elsewhere than on Linux PostgreSQL itself refuses such a file, and says so.
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

async function giveUp(attempt: Attempt | undefined): Promise<EmbeddedPostgresError> {
  if (attempt !== undefined && !hasEnded(attempt.child)) {
    const ended = new Promise((resolve) => attempt.child.once('exit', resolve));
    attempt.child.ref();
    attempt.child.kill('SIGINT');
    await ended;
  }
  return new EmbeddedPostgresError('stopped', 'Coffer was stopped before its PostgreSQL was ready');
}

async function tooLate({ cluster }: PostmasterSettings, attempt: Attempt | undefined): Promise<EmbeddedPostgresError> {
  attempt?.child.kill('SIGQUIT');
  const processId = attempt?.child.pid ?? (await readPostmasterFile(cluster))?.processId;
  return new EmbeddedPostgresError(
    'start_failed',
    `The PostgreSQL of ${cluster} (process ${processId ?? 'unknown'}) has not answered for ${silenceMsMax / 1000} s: ` +
      'stop that process and start again',
  );
}

/**
 * Whether the server at the other end has our cluster, and not one that ours is a copy of: no copy has the change time
 * of its original. Paths would not tell: folders are moved and mounted, and `/proc/self/cwd` is everybody's.
 */
async function servesFrom(session: Client, cluster: string): Promise<boolean> {
  const { rows } = await session.query<{ changed: string }>(
    "select extract(epoch from change)::bigint as changed from pg_stat_file('PG_VERSION')",
  );
  const { ctimeMs } = await stat(join(cluster, 'PG_VERSION'));
  return Number(rows[0]?.changed) === Math.floor(ctimeMs / 1000);
}
