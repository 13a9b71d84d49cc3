import { existsSync } from 'node:fs';
import { type Config, ConfigError } from '../config/config.ts';
import type { Sodium } from '../encryption/sodium.ts';
import type { DatabaseConnection } from '../store/postgres/connect/database-connection.ts';
import type { Logger } from 'pino';
import { openReadOnlySession } from './inspect-instance.ts';
import { findStoredKeyring } from './instance-checks.ts';
import { masterKeyFile } from './keys/file-origin.ts';
import { masterKeyOriginOf } from './keys/find-master-key.ts';
import { KeyFileError } from './keys/key-file.ts';

/**
 * Refuses a sealed start where the settings give the master key, or its file is in the data directory: the key would be on the
 * machine that it is kept away from, and the operator would take the vault for better protected than it is.
 *
 * @throws ConfigError, KeyFileError; both name the setting and the place of the key
 */
export function requireNoKeyAtHand(config: Config, parts: { readonly sodium: Sodium; readonly log: Logger }): void {
  if (!config.sealedStart) return;
  if (config.masterKey.kind !== 'unseal') {
    const { name } = masterKeyOriginOf({ config, ...parts });
    throw new ConfigError([`COFFER_SEALED_START and ${name} exclude one another: a server with its key starts open`]);
  }
  if (config.database.kind === 'embedded') refuseFile(masterKeyFile(config));
}

/** Refuses the file of a master key that an interrupted rotation has left beside the former one. @throws KeyFileError */
export async function requireNoNextKey(config: Config, connection: DatabaseConnection): Promise<void> {
  if (config.database.kind !== 'embedded') return;
  await using stack = new AsyncDisposableStack();
  const stored = await findStoredKeyring(await openReadOnlySession(connection, stack));
  if (stored) refuseFile(`${masterKeyFile(config)}.${stored.masterFingerprint}`);
}

function refuseFile(path: string): void {
  if (!existsSync(path)) return;
  const remedy = 'move the key away from this machine, or unset COFFER_SEALED_START';
  throw new KeyFileError(path, `is there, and COFFER_SEALED_START is for a vault without its key: ${remedy}`);
}
