import { realpath } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { clusterPath } from './cluster.ts';
import { EmbeddedPostgresError, errorCodeOf } from './embedded-error.ts';
import { embeddedDatabase } from './embedded-postgres.ts';
import { fileSystemError } from './failure.ts';
import { lookForPostmaster } from './obtain-postmaster.ts';
import type { PostgresConnection } from './postgres-connection.ts';

const busyMsMax = 30_000;
const pollMs = 50;

/**
 * For a command on the machine where a Coffer may be running: the connection of the PostgreSQL that serves the data
 * directory, undefined when none does. Starts, locks and changes nothing.
 * @throws EmbeddedPostgresError when the directory may not be read, or its PostgreSQL stays busy starting for 30 s
 */
export async function attachEmbeddedPostgres(dataDir: string): Promise<PostgresConnection | undefined> {
  const path = await existingPath(dataDir);
  if (path === undefined) return undefined;
  const deadline = performance.now() + busyMsMax;
  for (;;) {
    const sighting = await lookForPostmaster(clusterPath(path));
    if (sighting.state === 'ready') {
      const { connection, session } = sighting.postmaster;
      await session.end();
      return { ...connection, database: embeddedDatabase };
    }
    if (sighting.state === 'absent' && sighting.role !== 'postmaster') return undefined;
    if (performance.now() > deadline) {
      throw new EmbeddedPostgresError(
        'start_failed',
        `The PostgreSQL of ${path} is still starting or stopping: try again`,
      );
    }
    await delay(pollMs);
  }
}

async function existingPath(dataDir: string): Promise<string | undefined> {
  try {
    return await realpath(dataDir);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw fileSystemError('look at', dataDir, error);
  }
}
