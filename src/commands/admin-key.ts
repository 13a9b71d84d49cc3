import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { RandomTokenSource } from '../authentication/token-source.ts';
import type { Config } from '../config/config.ts';
import { SystemClock } from '../vault/time.ts';
import { adminKeyFile } from '../start/first-keys.ts';
import { openInstance } from '../start/instance.ts';
import { replaceKeyFile, writeKeyFile } from '../start/key-file.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { replaceAdminKey } from '../vault/workspaces/first-start.ts';
import { connectToDatabase } from './connect-to-database.ts';
import { UsageError } from './usage-error.ts';

/** Where a new key goes: to the standard output, to a new file, or in place of the one in the data directory. */
type Destination = { readonly kind: 'print' } | { readonly kind: 'new' | 'replaced'; readonly file: string };

/**
 * Replaces a lost admin key: makes a new one for the first owner, writes it where the options say, and revokes what
 * authenticated the owner before: the key, the sessions and the password. It needs the master key, and works beside a
 * running server as well as without one. With `--new` it only makes a key for the setting COFFER_ADMIN_API_KEY, and opens
 * no vault.
 *
 * @returns the exit code
 * @throws UsageError, KeyFileError, NoVaultError and whatever keeps the vault from opening; then no key is valid that was not
 */
export async function adminKey(
  readConfig: () => Promise<Config>,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const options = parseOptions(parameters);
  const issued = new RandomTokenSource().newApiKeyToken();
  if (options.new) {
    const destination = destinationOf(options) ?? { kind: 'print' };
    await keepBefore(destination, issued.token);
    print(destination, issued.token, 'an API key for COFFER_ADMIN_API_KEY', '');
    return 0;
  }
  const config = await readConfig();
  const destination = destinationOf(options) ?? destinationIn(config);
  const log = pino({ level: 'silent' });
  const clock = new SystemClock();
  await using stack = new AsyncDisposableStack();
  const connection = await connectToDatabase(config, stack, stopping);
  const instance = await openInstance({ config, connection, clock, log, mayBegin: false }, stack);
  const { ids, instanceId, sealers, stores } = instance;
  // On the disk before it is valid: a crash in between costs a second run, and never locks the owner out.
  await keepBefore(destination, issued.token);
  await replaceAdminKey({ users: stores.users, sealers, clock, ids }, issued);
  print(destination, issued.token, `the new admin API key of instance ${instanceId}`, '; the old one is revoked');
  return 0;
}

interface Options {
  readonly new?: boolean | undefined;
  readonly out?: string | undefined;
  readonly print?: boolean | undefined;
}

function parseOptions(parameters: readonly string[]): Options {
  try {
    const options = { new: { type: 'boolean' }, out: { type: 'string' }, print: { type: 'boolean' } } as const;
    const { values } = parseArgs({ args: [...parameters], options, strict: true, allowPositionals: false });
    if (values.out !== undefined && values.print) throw new Error('--out and --print exclude one another');
    if (values.out === '') throw new Error('--out takes the path of a file');
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function destinationOf({ out, print: isPrinted }: Options): Destination | undefined {
  if (isPrinted) return { kind: 'print' };
  return out === undefined ? undefined : { kind: 'new', file: out };
}

/** A data directory belongs to one instance; the one beside an external database may belong to another. */
function destinationIn(config: Config): Destination {
  if (config.database.kind === 'embedded') return { kind: 'replaced', file: adminKeyFile(config) };
  throw new UsageError('with COFFER_DATABASE_URL, --out FILE or --print is needed');
}

async function keepBefore(destination: Destination, token: string): Promise<void> {
  if (destination.kind === 'new') await writeKeyFile(destination.file, token);
  if (destination.kind === 'replaced') await replaceKeyFile(destination.file, token);
}

/** A printed key stands alone on the standard output, so that it can be piped to where it is kept. */
function print(destination: Destination, token: string, what: string, consequence: string): void {
  if (destination.kind !== 'print') {
    process.stdout.write(`${what} is in ${destination.file}${consequence}\n`);
    return;
  }
  process.stdout.write(`${token}\n`);
  process.stderr.write(`coffer: ${what} is printed${consequence}\n`);
}
