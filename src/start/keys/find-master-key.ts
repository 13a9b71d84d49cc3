import { readFile, stat } from 'node:fs/promises';
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
  /** Whether the key is obtained once more after a rotation: the file of a setting may have another one by then. */
  readonly isRenewal?: boolean;
  /** Cancels waiting for a server that holds the key. */
  readonly signal?: AbortSignal | undefined;
}

/** The place of the master key that the settings name. A new kind gets a file and a line here. */
export function masterKeyOriginOf({ config, isRenewal = false, log, signal, sodium }: MasterKeyParts): MasterKeyOrigin {
  const { databaseWaitMs: waitMs, masterKey } = config;
  const textOf = isRenewal ? readAgain : givenText;
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
  if (masterKey.kind === 'unseal') return unsealOrigin;
  return fileOrigin(masterKeyFile(config), sodium);
}

/** A server that starts sealed has no place of the key; a command gets it by another setting. */
const unsealOrigin: MasterKeyOrigin = {
  name: 'COFFER_SEALED_START',
  async obtain() {
    const remedy = 'give it by COFFER_MASTER_PASSWORD_FILE, COFFER_MASTER_KEY_FILE or COFFER_MASTER_KEY_COMMAND';
    throw new MasterKeyUnavailableError('COFFER_SEALED_START', `leaves this command without the master key: ${remedy}`);
  },
};

/** The text that the settings were read with: a file such as a pipe can be read only once. */
async function givenText(_name: string, text: string): Promise<string> {
  return text;
}

/** The present text of a setting. */
async function readAgain(name: string, text: string, file: string | null): Promise<string> {
  if (file === null) return text;
  try {
    // Reading a pipe again would wait for a writer.
    if (!(await stat(file)).isFile()) throw new Error('it is no regular file');
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new MasterKeyUnavailableError(`${name}_FILE`, 'names a file that can not be read again', { cause: error });
  }
}
