import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { IssuedToken, TokenSource } from '../vault/identity/ports.ts';
import type { KeyStore } from '../vault/workspaces/ports.ts';
import { apiKeyTokenPattern, issueApiKeyToken } from '../authentication/tokens.ts';
import type { Config } from '../config/config.ts';
import { parseMasterKey } from '../encryption/master-key.ts';
import type { MasterKeySource } from '../encryption/open-keyring.ts';
import { KeyFileError, readKeyFile, writeKeyFile } from './key-file.ts';

/** The file of the master key in the data directory. */
export function masterKeyFile(config: Config): string {
  return join(config.dataDir, 'master.key');
}

/** The file of the first admin key in the data directory. */
export function adminKeyFile(config: Config): string {
  return join(config.dataDir, 'admin.key');
}

/**
 * Finds the master key. Without settings, the first start makes one, and syncs it to disk before anything is sealed with it.
 * Where data exist, none is made.
 *
 * @throws KeyFileError where the file is missing, unreadable or not a key
 */
export async function findMasterKey(
  config: Config,
  keys: Pick<KeyStore, 'findKeyring' | 'holdsData'>,
): Promise<MasterKeySource> {
  if (config.masterKey.kind === 'password') return config.masterKey;
  if (config.masterKey.kind === 'key') return { kind: 'key', key: parse('COFFER_MASTER_KEY', config.masterKey.key) };
  const path = masterKeyFile(config);
  const text = await readKeyFile(path);
  if (text !== undefined) return { kind: 'key', key: parse(path, text) };
  const keyring = await keys.findKeyring();
  if (keyring) {
    const needed = keyring.derivation === 'argon2id' ? 'COFFER_MASTER_PASSWORD' : 'this file or COFFER_MASTER_KEY';
    throw new KeyFileError(
      path,
      `is missing; the data need ${needed} with the fingerprint ${keyring.masterFingerprint}`,
    );
  }
  if (await keys.holdsData()) throw new KeyFileError(path, 'is missing, and so is the keyring of the data that exist');
  const key = randomBytes(32);
  await writeKeyFile(path, key.toString('base64'));
  return { kind: 'key', key };
}

/**
 * Checks that the first owner's key is given for an external database: only the embedded one has a place to keep a new key.
 *
 * @throws KeyFileError
 */
export function requireAdminKey({ adminApiKey, database }: Config): void {
  if (adminApiKey !== null || database.kind === 'embedded') return;
  const remedy = 'the command admin-key --new makes one';
  throw new KeyFileError('COFFER_ADMIN_API_KEY', `must be given, since this database has no owner yet; ${remedy}`);
}

/**
 * Finds the first owner's key, or makes it and syncs it to disk before its row commits. It uses the file of an interrupted
 * first start.
 *
 * @returns the key, and the path of its file where it has one
 * @throws KeyFileError where it must be given, or the file is not a key
 */
export async function findAdminKey(
  config: Config,
  tokens: TokenSource,
): Promise<{ readonly issued: IssuedToken; readonly file?: string }> {
  requireAdminKey(config);
  if (config.adminApiKey !== null) return { issued: issueApiKeyToken(config.adminApiKey) };
  const file = adminKeyFile(config);
  const text = await readKeyFile(file);
  if (text !== undefined && !apiKeyTokenPattern.test(text)) throw new KeyFileError(file, 'does not hold an API key');
  const issued = text === undefined ? tokens.newApiKeyToken() : issueApiKeyToken(text);
  if (text === undefined) await writeKeyFile(file, issued.token);
  return { issued, file };
}

function parse(name: string, text: string): Uint8Array {
  const key = parseMasterKey(text);
  if (!key) throw new KeyFileError(name, 'does not hold 32 bytes in base64');
  return key;
}
