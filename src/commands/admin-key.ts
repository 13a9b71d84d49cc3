import { mkdir } from 'node:fs/promises';
import { pino } from 'pino';
import type { Config } from '../config.ts';
import { SystemClock } from '../encryption/system-clock.ts';
import { adminKeyFile } from '../start/first-keys.ts';
import { openInstance } from '../start/instance.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { replaceKeyFile } from '../start/key-file.ts';
import { replaceAdminKey } from '../vault/first-start.ts';
import { connectToDatabase } from './connect-to-database.ts';

/**
 * Replaces a lost admin key: makes a new one for the first owner, writes it into `<data>/admin.key`, and ends all that
 * proved him before: his key, his sessions and his password. It needs the master key, and works beside a running server as well as without one.
 *
 * @returns the exit code
 */
export async function adminKey(config: Config, stopping: StopRequests): Promise<number> {
  const log = pino({ level: 'silent' });
  const clock = new SystemClock();
  await using stack = new AsyncDisposableStack();
  const connection = await connectToDatabase(config, stack, stopping);
  const { ids, sealers, stores, tokens } = await openInstance({ config, connection, clock, log }, stack);
  const file = adminKeyFile(config);
  const issued = tokens.newApiKeyToken();
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  // On the disk before it is valid: a crash in between costs a second run, and never locks the owner out.
  await replaceKeyFile(file, issued.token);
  await replaceAdminKey({ users: stores.users, sealers, clock, ids }, issued);
  process.stdout.write(`the new admin API key is in ${file}; the old one is revoked\n`);
  return 0;
}
