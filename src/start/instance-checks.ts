import { join } from 'node:path';
import type { Client } from 'pg';
import type { Config } from '../config/config.ts';
import { clusterOwner } from '../embedded/cluster.ts';
import type { Keyring } from '../encryption/keyring.ts';
import { WrongMasterKeyError, openKeyring, type KeyringOpening } from '../encryption/open-keyring.ts';
import type { StoredKeyring } from '../vault/workspaces/ports.ts';
import { requireAdminKey } from './keys/first-admin-key.ts';
import { KeyFileError, readKeyFile, writeKeyFile } from './keys/key-file.ts';
import { masterKeyFile } from './keys/file-origin.ts';
import { masterKeyOriginOf, type MasterKeyParts } from './keys/find-master-key.ts';
import type { MasterKeyOrigin } from './keys/master-key-origin.ts';

/** What an instance is checked with before anything of it is changed. */
export type CheckParts = Pick<KeyringOpening, 'sodium' | 'random' | 'clock' | 'keyring'> &
  MasterKeyParts & {
    /** Where the key is obtained instead of the place that the settings name. */
    readonly origin?: MasterKeyOrigin | undefined;
    /** Whether a vault is made where there is none. */
    readonly mayBegin: boolean;
  };

/** A vault has workspaces but no owner: an owner is made only in an empty vault. */
export class OwnerMissingError extends Error {
  constructor() {
    super(
      'the database holds workspaces but no owner: rows of its users were removed or changed; restore them from a backup, ' +
        'since an owner is made only where there is nothing yet',
    );
    this.name = 'OwnerMissingError';
  }
}

/** The master key that a setting gave belongs to another vault. The message has both fingerprints and the remedy. */
export class WrongKeySettingError extends Error {
  constructor(setting: string, cause: WrongMasterKeyError) {
    super(
      `${setting} is not the master key of this vault: it ${cause.message}. Give the key that the vault was set up with, ` +
        'or the COFFER_DATA_DIR or COFFER_DATABASE_URL of the vault that this key belongs to',
      { cause },
    );
    this.name = 'WrongKeySettingError';
  }
}

/**
 * Checks the settings against the database before it is migrated: the instance of the data directory, the master key, and
 * that an admin key is given where there is no owner yet.
 *
 * @returns the keyring, opened, where there is one
 * @throws KeyFileError, WrongKeySettingError, KeyringDamagedError, OwnerMissingError
 */
export async function checkBeforeChanging(owner: Client, parts: CheckParts): Promise<Keyring | undefined> {
  const { config, mayBegin } = parts;
  const stored = await findStoredKeyring(owner);
  if (config.database.kind === 'embedded') await requireMarkedInstance(config, stored?.instanceId);
  if (mayBegin && !(await hasOwner(owner))) {
    if (await hasWorkspace(owner)) throw new OwnerMissingError();
    requireAdminKey(config);
  }
  return stored && openStored(stored, parts);
}

/**
 * Refuses to make a new cluster where the data directory had one: its keys are there, and the database that they open is
 * not, as when a mount is missing.
 *
 * @throws KeyFileError
 */
export async function requireClusterOfKeys(config: Config): Promise<void> {
  if ((await clusterOwner(config.dataDir)) !== undefined) return;
  for (const path of [instanceMarkerFile(config), masterKeyFile(config)]) {
    if ((await readKeyFile(path)) === undefined) continue;
    const remedy =
      'restore it from a backup, or move this file away to begin a new vault (a key of your own is given as COFFER_MASTER_KEY)';
    throw new KeyFileError(path, `is there, but postgres/ beside it is missing: ${remedy}`);
  }
}

/** Records in the data directory which instance its database has, once the first rows of the instance have committed. */
export async function markInstance(config: Config, instanceId: string): Promise<void> {
  const path = instanceMarkerFile(config);
  if ((await readKeyFile(path)) === undefined) await writeKeyFile(path, instanceId);
}

/**
 * The file beside `postgres/` that names its instance. Without it, a data directory whose `postgres/` is missing would look
 * unused, and start as a new, empty vault.
 */
function instanceMarkerFile(config: Config): string {
  return join(config.dataDir, 'postgres.instance');
}

/** @param instanceId of the keyring in the database, undefined where it has none */
async function requireMarkedInstance(config: Config, instanceId: string | undefined): Promise<void> {
  const path = instanceMarkerFile(config);
  const marked = await readKeyFile(path);
  if (marked === undefined || marked === instanceId) return;
  const found = instanceId === undefined ? 'the database is empty' : `the database is of instance ${instanceId}`;
  const remedy = 'restore postgres/ from a backup, or remove this file to go on with what is there';
  throw new KeyFileError(path, `names instance ${marked} for this data directory, but ${found}: ${remedy}`);
}

const holdsData = async () => true;

async function openStored(stored: StoredKeyring, parts: CheckParts): Promise<Keyring> {
  const { origin = masterKeyOriginOf(parts) } = parts;
  const master = await origin.obtain({ keyring: stored, holdsData });
  const store = {
    findKeyring: async () => stored,
    holdsData,
    insertKeyring: () => Promise.reject(new Error('the keyring is there')),
  };
  try {
    return await openKeyring({ ...parts, store, master });
  } catch (error) {
    throw error instanceof WrongMasterKeyError ? new WrongKeySettingError(origin.name, error) : error;
  } finally {
    if (master.kind === 'key') master.key.fill(0);
  }
}

/** Finds the keyring before the database is migrated: it reads as columns only those that every release has had. */
export async function findStoredKeyring(owner: Client): Promise<StoredKeyring | undefined> {
  if (!(await hasTable(owner, 'keyring'))) return undefined;
  const { rows } = await owner.query<StoredKeyring>(
    `select instance_id as "instanceId", derivation, salt, master_fingerprint as "masterFingerprint", canary,
       wrapped_keys as "wrappedKeys", created_at as "createdAt",
       to_jsonb(keyring) ->> 'wrapped_master' as "wrappedMaster" from keyring where id = 1`,
  );
  return rows[0];
}

async function hasOwner(owner: Client): Promise<boolean> {
  return (await hasTable(owner, '"user"')) && exists(owner, 'select from "user" where is_owner');
}

/** The first owner and the first workspace are made in one transaction. */
async function hasWorkspace(owner: Client): Promise<boolean> {
  return (await hasTable(owner, 'workspace')) && exists(owner, 'select from workspace');
}

function hasTable(owner: Client, name: string): Promise<boolean> {
  return exists(owner, 'select where to_regclass($1) is not null', [name]);
}

async function exists(owner: Client, query: string, values: readonly string[] = []): Promise<boolean> {
  const { rows } = await owner.query<{ found: boolean }>(`select exists (${query}) as found`, [...values]);
  return rows[0]?.found === true;
}
