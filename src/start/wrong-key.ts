import type { Config } from '../config/config.ts';
import { WrongMasterKeyError } from '../encryption/keyring-errors.ts';
import { masterKeyFile } from './first-keys.ts';

/** The setting that gave a master key which is not the vault's, with both fingerprints and what to do. */
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

/** Names the setting of a wrong master key; any other failure is answered as it is. */
export function explainWrongKey(error: unknown, config: Config): unknown {
  return error instanceof WrongMasterKeyError ? new WrongKeySettingError(settingOf(config), error) : error;
}

function settingOf(config: Config): string {
  const settings = {
    password: 'COFFER_MASTER_PASSWORD',
    key: 'COFFER_MASTER_KEY',
    file: masterKeyFile(config),
  } as const;
  return settings[config.masterKey.kind];
}
