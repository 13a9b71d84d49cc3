import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { issueApiKeyToken } from '../authentication/tokens.ts';
import type { Config } from '../config/config.ts';
import type { Stores } from '../store/stores/stores.ts';
import { createFirstOwner } from '../vault/workspaces/first-start.ts';
import type { Instance, InstanceParts } from './instance.ts';
import { adminKeyFile, findAdminKey } from './keys/first-admin-key.ts';
import { readKeyFile } from './keys/key-file.ts';

/** Makes the first owner where there is none. @returns the file of the admin key, where there is one */
export async function ensureFirstOwner(
  { ids, ciphers, stores, tokens }: Pick<Instance, 'ids' | 'ciphers' | 'stores' | 'tokens'>,
  { clock, config, log }: InstanceParts,
): Promise<string | undefined> {
  if (await stores.users.anyOwner()) {
    await warnOfUnusedAdminKey(stores, config, log);
    return findKeptAdminKey(stores, config);
  }
  const { issued, file } = await findAdminKey(config, tokens);
  await createFirstOwner({ users: stores.users, ciphers, clock, ids }, issued);
  return file;
}

/** With an external database, the file may belong to another instance. */
async function findKeptAdminKey({ access }: Stores, config: Config): Promise<string | undefined> {
  const path = adminKeyFile(config);
  if (config.database.kind === 'embedded') return existsSync(path) ? path : undefined;
  const key = await readKeyFile(path).catch(() => undefined);
  return key !== undefined && (await isKeyOfOwner(access, key)) ? path : undefined;
}

async function isKeyOfOwner(access: Stores['access'], key: string): Promise<boolean> {
  const found = await access.findApiKey(issueApiKeyToken(key).hash, new AbortController().signal);
  return found?.access.user.isOwner === true;
}

/** The setting is read only on the first start. A later change appears to replace the key, but does not. */
async function warnOfUnusedAdminKey({ access }: Stores, { adminApiKey }: Config, log: Logger): Promise<void> {
  if (adminApiKey === null || (await isKeyOfOwner(access, adminApiKey))) return;
  log.warn(
    {},
    'COFFER_ADMIN_API_KEY is not a valid key of an owner, and has no effect: it is read only before the first owner exists. The command admin-key replaces a lost key',
  );
}
