import type { Client } from 'pg';
import type { Config } from '../config/config.ts';
import { type KeyringOpening, openKeyring } from '../encryption/open-keyring.ts';
import type { Keyring } from '../encryption/keyring.ts';
import type { StoredKeyring } from '../vault/workspaces/ports.ts';
import { findMasterKey, requireAdminKey } from './first-keys.ts';
import { refuseOtherInstance } from './instance-marker.ts';
import { explainWrongKey } from './wrong-key.ts';

/** What a vault is looked at with before anything of it is changed. */
export type LookParts = Pick<KeyringOpening, 'sodium' | 'random' | 'clock'> & {
  readonly config: Config;
  /** Whether a vault is made where there is none. */
  readonly mayBegin: boolean;
};

/** A vault that was set up has no owner: the rows of its users were removed, and another owner would be made in their place. */
export class OwnerMissingError extends Error {
  constructor() {
    super(
      'the database holds workspaces but no owner: rows of its users were removed or changed; restore them from a backup, ' +
        'since an owner is made only where there is nothing yet',
    );
    this.name = 'OwnerMissingError';
  }
}

/**
 * Checks the settings against what is in the database, before it is migrated: the instance of the data directory, the
 * master key, and that an admin key is given where there is no owner yet.
 *
 * @returns the keyring, opened, where there is one
 * @throws KeyFileError, WrongMasterKeyError, KeyringDamagedError, OwnerMissingError
 */
export async function lookBeforeChanging(owner: Client, parts: LookParts): Promise<Keyring | undefined> {
  const { config, mayBegin } = parts;
  const stored = await findKeyring(owner);
  if (config.database.kind === 'embedded') await refuseOtherInstance(config, stored?.instanceId);
  if (mayBegin && !(await hasOwner(owner))) {
    if (await hasWorkspace(owner)) throw new OwnerMissingError();
    requireAdminKey(config);
  }
  return stored && openFound(stored, parts);
}

async function openFound(stored: StoredKeyring, parts: LookParts): Promise<Keyring> {
  const found = { findKeyring: async () => stored, holdsData: async () => true };
  const master = await findMasterKey(parts.config, found);
  const store = { ...found, insertKeyring: () => Promise.reject(new Error('the keyring is there')) };
  try {
    return await openKeyring({ ...parts, store, master });
  } catch (error) {
    throw explainWrongKey(error, parts.config);
  } finally {
    if (master.kind === 'key') master.key.fill(0);
  }
}

/** By columns that every release has had. */
async function findKeyring(owner: Client): Promise<StoredKeyring | undefined> {
  if (!(await hasTable(owner, 'keyring'))) return undefined;
  const { rows } = await owner.query<StoredKeyring>(
    `select instance_id as "instanceId", derivation, salt, master_fingerprint as "masterFingerprint", canary,
       wrapped_keys as "wrappedKeys", created_at as "createdAt" from keyring where id = 1`,
  );
  return rows[0];
}

async function hasOwner(owner: Client): Promise<boolean> {
  if (!(await hasTable(owner, '"user"'))) return false;
  const { rows } = await owner.query<{ found: boolean }>('select exists (select from "user" where is_owner) as found');
  return rows[0]?.found === true;
}

/** The first owner and the first workspace are made in one transaction. */
async function hasWorkspace(owner: Client): Promise<boolean> {
  if (!(await hasTable(owner, 'workspace'))) return false;
  const { rows } = await owner.query<{ found: boolean }>('select exists (select from workspace) as found');
  return rows[0]?.found === true;
}

async function hasTable(owner: Client, name: string): Promise<boolean> {
  const { rows } = await owner.query<{ found: boolean }>('select to_regclass($1) is not null as found', [name]);
  return rows[0]?.found === true;
}
