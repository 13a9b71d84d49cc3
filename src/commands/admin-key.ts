import { RandomTokenSource } from '../authentication/tokens.ts';
import type { Config } from '../config/config.ts';
import { adminKeyFile } from '../start/keys/first-admin-key.ts';
import { replaceKeyFile, writeKeyFile } from '../start/keys/key-file.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { replaceAdminKey } from '../vault/workspaces/first-start.ts';
import { openVault } from './open-vault.ts';
import { parseOptions } from './options.ts';
import { UsageError } from './usage.ts';

/** Where the new key is written: to the standard output, to a new file, or over the one in the data directory. */
type Destination = { readonly kind: 'print' } | { readonly kind: 'new' | 'replaced'; readonly file: string };

/**
 * Replaces a lost admin key. It makes a new key for the first owner, writes it to the chosen destination, and revokes the
 * owner's previous key, sessions and password. It needs the master key; a server may be running. With `--new` it only makes
 * a key for the setting COFFER_ADMIN_API_KEY, and opens no vault.
 *
 * @returns the exit code
 * @throws UsageError, KeyFileError, and what `openVault` throws; then no key has become valid
 */
export async function adminKey(
  readConfig: () => Promise<Config>,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const options = readOptions(parameters);
  const issued = new RandomTokenSource().newApiKeyToken();
  if (options.new) {
    const destination = destinationOf(options) ?? { kind: 'print' };
    await writeKey(destination, issued.token);
    print(destination, issued.token, 'an API key for COFFER_ADMIN_API_KEY', '');
    return 0;
  }
  const config = await readConfig();
  const destination = destinationOf(options) ?? destinationIn(config);
  await using stack = new AsyncDisposableStack();
  const { clock, instance } = await openVault(config, stack, stopping);
  const { ids, keyring, ciphers, stores } = instance;
  // Written before it becomes valid: after a crash in between, the owner still has a key and runs the command again.
  await writeKey(destination, issued.token);
  await replaceAdminKey({ users: stores.users, ciphers, clock, ids }, issued);
  print(
    destination,
    issued.token,
    `the new admin API key of instance ${keyring.instanceId}`,
    '; the old one is revoked',
  );
  return 0;
}

interface Options {
  readonly new?: boolean | undefined;
  readonly out?: string | undefined;
  readonly print?: boolean | undefined;
}

function readOptions(parameters: readonly string[]): Options {
  const types = { new: { type: 'boolean' }, out: { type: 'string' }, print: { type: 'boolean' } } as const;
  const options = parseOptions(parameters, types);
  if (options.out !== undefined && options.print) throw new UsageError('--out and --print exclude one another');
  if (options.out === '') throw new UsageError('--out takes the path of a file');
  return options;
}

function destinationOf({ out, print: isPrinted }: Options): Destination | undefined {
  if (isPrinted) return { kind: 'print' };
  return out === undefined ? undefined : { kind: 'new', file: out };
}

/** Only the embedded database is sure to belong to the instance of the data directory. */
function destinationIn(config: Config): Destination {
  if (config.database.kind === 'embedded') return { kind: 'replaced', file: adminKeyFile(config) };
  throw new UsageError('with COFFER_DATABASE_URL, --out FILE or --print is needed');
}

async function writeKey(destination: Destination, token: string): Promise<void> {
  if (destination.kind === 'new') await writeKeyFile(destination.file, token);
  if (destination.kind === 'replaced') await replaceKeyFile(destination.file, token);
}

/** The standard output gets nothing but the key, so that it can be piped. */
function print(destination: Destination, token: string, what: string, consequence: string): void {
  if (destination.kind !== 'print') {
    process.stdout.write(`${what} is in ${destination.file}${consequence}\n`);
    return;
  }
  process.stdout.write(`${token}\n`);
  process.stderr.write(`coffer: ${what} is printed${consequence}\n`);
}
