import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../../config/config.ts';
import type { MasterKeySource } from '../../encryption/open-keyring.ts';
import { KeyFileError, readKeyFile, writeKeyFile } from './key-file.ts';
import { commandOrigin } from './command-origin.ts';
import { masterKeyOf, type KeyedVault, type MasterKeyOrigin } from './master-key-origin.ts';
import { transitOrigin } from './transit-origin.ts';

/** What obtaining a key needs beside the settings. */
export interface MasterKeyParts {
  readonly config: Config;
  readonly log: Pick<Logger, 'warn'>;
  /** Cancels waiting for a server that holds the key. */
  readonly signal?: AbortSignal | undefined;
}

/** The file of the master key in the data directory. */
export function masterKeyFile({ dataDir }: Pick<Config, 'dataDir'>): string {
  return join(dataDir, 'master.key');
}

/** The place of the master key that the settings name. A new kind gets a file and a line here. */
export function masterKeyOriginOf({ config, log, signal }: MasterKeyParts): MasterKeyOrigin {
  const { databaseWaitMs: waitMs, masterKey } = config;
  if (masterKey.kind === 'password') return { name: 'COFFER_MASTER_PASSWORD', obtain: async () => masterKey };
  if (masterKey.kind === 'key') return settingOrigin('COFFER_MASTER_KEY', masterKey.key);
  if (masterKey.kind === 'command') return commandOrigin(masterKey);
  if (masterKey.kind === 'transit') return transitOrigin(masterKey, { waitMs, log, signal });
  return fileOrigin(masterKeyFile(config));
}

function settingOrigin(name: string, text: string): MasterKeyOrigin {
  return { name, obtain: async () => masterKeyOf(name, text) };
}

/** The first start makes the file, and syncs it to disk before anything is sealed with the key. */
function fileOrigin(path: string): MasterKeyOrigin {
  return {
    name: path,
    async obtain(vault) {
      const text = await readKeyFile(path);
      if (text !== undefined) return masterKeyOf(path, text);
      await requireNewVault(path, vault);
      const key = randomBytes(32);
      await writeKeyFile(path, key.toString('base64'));
      return { kind: 'key', key } satisfies MasterKeySource;
    },
  };
}

async function requireNewVault(path: string, { holdsData, keyring }: KeyedVault): Promise<void> {
  if (keyring) {
    const needed = keyring.derivation === 'argon2id' ? 'COFFER_MASTER_PASSWORD' : 'this file or COFFER_MASTER_KEY';
    const problem = `is missing; the data need ${needed} with the fingerprint ${keyring.masterFingerprint}`;
    throw new KeyFileError(path, problem);
  }
  if (await holdsData()) throw new KeyFileError(path, 'is missing, and so is the keyring of the data that exist');
}
