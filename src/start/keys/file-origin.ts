import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { MasterKey } from '../../encryption/master-key.ts';
import type { MasterKeySource } from '../../encryption/open-keyring.ts';
import type { Sodium } from '../../encryption/sodium.ts';
import { KeyFileError, readKeyFile, syncDirectory, writeKeyFile } from './key-file.ts';
import { masterKeyOf, type GivenKey, type KeyedVault, type MasterKeyOrigin } from './master-key-origin.ts';

/** The file of the master key in the data directory. */
export function masterKeyFile({ dataDir }: Pick<Config, 'dataDir'>): string {
  return join(dataDir, 'master.key');
}

/**
 * The master key in a file, which the first start makes, and syncs to disk before anything is sealed with the key. During a rotation
 * there are two: the next one beside it has its fingerprint in its name, and the keyring decides which of them is the key.
 */
export function fileOrigin(path: string, sodium: Sodium): MasterKeyOrigin {
  return {
    name: path,
    async obtain(vault) {
      const needed = vault.keyring?.masterFingerprint;
      if (needed === undefined) return (await keyIn(path)) ?? makeKey(path, vault);
      let present: GivenKey | undefined;
      // The next key may be renamed to the present one between the reads, and is the present one then.
      for (const file of [path, besides(path, needed), path]) {
        const source = await keyIn(file);
        if (source && fingerprintOf(source, sodium) === needed) return source;
        present ??= source;
      }
      return present ?? makeKey(path, vault);
    },
  };
}

async function keyIn(path: string): Promise<GivenKey | undefined> {
  const text = await readKeyFile(path);
  return text === undefined ? undefined : masterKeyOf(path, text);
}

async function makeKey(path: string, { holdsData, keyring }: KeyedVault): Promise<MasterKeySource> {
  if (keyring) {
    const needed = keyring.derivation === 'argon2id' ? 'COFFER_MASTER_PASSWORD' : 'this file or COFFER_MASTER_KEY';
    const problem = `is missing; the data need ${needed} with the fingerprint ${keyring.masterFingerprint}`;
    throw new KeyFileError(path, problem);
  }
  if (await holdsData()) throw new KeyFileError(path, 'is missing, and so is the keyring of the data that exist');
  const key = randomBytes(32);
  await writeKeyFile(path, key.toString('base64'));
  return { kind: 'key', key };
}

/** Writes the next master key beside the present one, before anything is wrapped by it. */
export async function writeNextKey(
  path: string,
  sodium: Sodium,
): Promise<{ readonly source: GivenKey; readonly file: string }> {
  const source = { kind: 'key', key: randomBytes(32) } as const;
  const file = besides(path, fingerprintOf(source, sodium));
  await writeKeyFile(file, source.key.toString('base64'));
  return { source, file };
}

/**
 * Ends a rotation in the directory: the next key takes the place of the present one, which is kept beside it under its fingerprint
 * until the operator removes it. It may be called again, and does nothing where there is nothing to end.
 */
export async function settleKeyFile(path: string, fingerprint: string, sodium: Sodium): Promise<void> {
  const next = besides(path, fingerprint);
  if (!existsSync(next)) return;
  const text = await readKeyFile(path);
  const present = text === undefined ? undefined : fingerprintOf(masterKeyOf(path, text), sodium);
  if (present === fingerprint) return;
  if (present !== undefined && !existsSync(besides(path, present))) await link(path, besides(path, present));
  await rename(next, path);
  await syncDirectory(dirname(path));
}

function besides(path: string, fingerprint: string): string {
  return `${path}.${fingerprint}`;
}

function fingerprintOf({ key }: GivenKey, sodium: Sodium): string {
  const master = MasterKey.fromBytes(sodium, key);
  master.wipe();
  return master.fingerprint;
}
