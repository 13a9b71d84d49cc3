import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Config } from '../../config/config.ts';
import type { Sodium } from '../../encryption/sodium.ts';
import { commandOrigin } from './command-origin.ts';
import { fileOrigin, masterKeyFile } from './file-origin.ts';
import { masterKeyOf, MasterKeyUnavailableError, type MasterKeyOrigin } from './master-key-origin.ts';
import { transitOrigin } from './transit-origin.ts';

/** What obtaining a key needs beside the settings. */
export interface MasterKeyParts {
  readonly config: Config;
  readonly sodium: Sodium;
  readonly log: Pick<Logger, 'warn'>;
  /** Cancels waiting for a server that holds the key. */
  readonly signal?: AbortSignal | undefined;
}

/** The place of the master key that the settings name. A new kind gets a file and a line here. */
export function masterKeyOriginOf({ config, log, signal, sodium }: MasterKeyParts): MasterKeyOrigin {
  const { databaseWaitMs: waitMs, masterKey } = config;
  if (masterKey.kind === 'password') {
    const { file, password } = masterKey;
    const name = 'COFFER_MASTER_PASSWORD';
    return { name, obtain: async () => ({ kind: 'password', password: await textOf(name, password, file) }) };
  }
  if (masterKey.kind === 'key') {
    const { file, key } = masterKey;
    const name = 'COFFER_MASTER_KEY';
    return { name, obtain: async () => masterKeyOf(name, await textOf(name, key, file)) };
  }
  if (masterKey.kind === 'command') return commandOrigin(masterKey);
  if (masterKey.kind === 'transit') return transitOrigin(masterKey, { waitMs, log, signal });
  return fileOrigin(masterKeyFile(config), sodium);
}

/** The present text of a setting: its file may have another one since a rotation. */
async function textOf(name: string, text: string, file: string | null): Promise<string> {
  if (file === null) return text;
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new MasterKeyUnavailableError(`${name}_FILE`, 'names a file that can not be read', { cause: error });
  }
}
