import { join } from 'node:path';
import type { IssuedToken, TokenSource } from '../../vault/identity/ports.ts';
import { apiKeyTokenPattern, issueApiKeyToken } from '../../authentication/tokens.ts';
import type { Config } from '../../config/config.ts';
import { KeyFileError, readKeyFile, writeKeyFile } from './key-file.ts';

/** The file of the first admin key in the data directory. */
export function adminKeyFile(config: Config): string {
  return join(config.dataDir, 'admin.key');
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
