import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { clusterOwner } from '../embedded/cluster.ts';
import { masterKeyFile } from './first-keys.ts';
import { KeyFileError, readKeyFile, writeKeyFile } from './key-file.ts';

/**
 * The file beside `postgres/` that says which instance was in it. Without it a data directory whose `postgres/` is gone, as
 * with a mount that is missing, would look like one that was never used, and start as a new, empty vault.
 */
export function instanceMarkerFile(config: Config): string {
  return join(config.dataDir, 'postgres.instance');
}

/**
 * Refuses a database that is not the one that the data directory had.
 *
 * @param instanceId of the keyring in the database, undefined where it has none
 * @throws KeyFileError
 */
export async function refuseOtherInstance(config: Config, instanceId: string | undefined): Promise<void> {
  const path = instanceMarkerFile(config);
  const marked = await readKeyFile(path);
  if (marked === undefined || marked === instanceId) return;
  const found = instanceId === undefined ? 'the database is empty' : `the database is of instance ${instanceId}`;
  const remedy = 'restore postgres/ from a backup, or remove this file to go on with what is there';
  throw new KeyFileError(path, `says that this data directory is of instance ${marked}, but ${found}: ${remedy}`);
}

/**
 * Refuses to make a new cluster where the data directory had one, before anything is made: its keys are there, and the
 * database that they open is not, as with a mount that is missing.
 *
 * @throws KeyFileError
 */
export async function refuseMissingCluster(config: Config): Promise<void> {
  if ((await clusterOwner(config.dataDir)) !== undefined) return;
  for (const path of [instanceMarkerFile(config), masterKeyFile(config)]) {
    if ((await readKeyFile(path)) === undefined) continue;
    const remedy =
      'restore it from a backup, or move this file away to begin a new vault (a key of your own is given as COFFER_MASTER_KEY)';
    throw new KeyFileError(path, `is there, but postgres/ beside it is missing: ${remedy}`);
  }
}

/** Writes down which instance the data directory has, once its first rows have committed. */
export async function markInstance(config: Config, instanceId: string): Promise<void> {
  const path = instanceMarkerFile(config);
  if ((await readKeyFile(path)) === undefined) await writeKeyFile(path, instanceId);
}
