import { readFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { parseCommandText } from '../config/master-key-config.ts';
import type { MasterKeySource } from '../encryption/open-keyring.ts';
import { commandOrigin } from '../start/keys/command-origin.ts';
import { readKeyFile, writeKeyFile } from '../start/keys/key-file.ts';
import { masterKeyOf } from '../start/keys/master-key-origin.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { systemEvent } from '../vault/audit/audit-event.ts';
import { openVault } from './open-vault.ts';
import { parseOptions } from './options.ts';
import { UsageError } from './usage.ts';

/** Runs `keys SUBCOMMAND`. @returns the exit code @throws UsageError */
export async function keys(
  loadConfig: () => Promise<Config>,
  [name, ...parameters]: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  if (name === 'rotate-master') return rotateMaster(loadConfig, parameters, stopping);
  if (name === 'split') return (await import('./split-key.ts')).splitMasterKey(loadConfig, parameters, stopping);
  throw new UsageError('keys takes rotate-master or split');
}

const targets = {
  'to-key-file': { type: 'string' },
  'to-password-file': { type: 'string' },
  'to-command': { type: 'string' },
} as const;

/**
 * Rotates the master key. The target is kept first: a file that is missing is made, and synced to the disk. A server may be running;
 * it takes the new key over where its own settings have it by then, and is sealed otherwise.
 *
 * @throws UsageError; what `openVault` and the rotation throw, and then the old key is the key
 */
async function rotateMaster(
  loadConfig: () => Promise<Config>,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const options = parseOptions(parameters, targets);
  const [target, ...others] = Object.entries(options).filter(([, value]) => value !== undefined);
  if (others.length > 0) throw new UsageError('the targets exclude one another');
  if (target?.[1] === '') throw new UsageError(`--${target[0]} takes a value`);
  const config = await loadConfig();
  if (!target && config.masterKey.kind !== 'file') {
    throw new UsageError(
      '--to-key-file, --to-password-file or --to-command is needed, since the key is not in the data directory',
    );
  }
  await using stack = new AsyncDisposableStack();
  const { clock, instance } = await openVault(config, stack, stopping);
  const { ids, keyring, rotator } = instance;
  const { instanceId, masterFingerprint: before } = keyring;
  const event = systemEvent(
    { clock, ids },
    { action: 'keys.rotate_master', resourceKind: 'master_key', resourceId: null },
  );
  const { fingerprint, workspaceKeys } = target
    ? await rotator.rotateTo(await sourceOf(options), event)
    : await rotator.rotateFile(event);
  process.stdout.write(
    `the master key of instance ${instanceId} is ${fingerprint} now, in place of ${before}; ` +
      `the keys of ${workspaceKeys} workspaces are wrapped by it\n`,
  );
  process.stderr.write(`coffer: ${remedyOf(options)}\n`);
  return 0;
}

type Targets = { readonly [Name in keyof typeof targets]?: string | undefined };

async function sourceOf(options: Targets): Promise<MasterKeySource> {
  const { 'to-command': command, 'to-key-file': keyFile, 'to-password-file': passwordFile } = options;
  if (keyFile !== undefined) return keyIn(keyFile);
  if (passwordFile !== undefined) return { kind: 'password', password: await passwordIn(passwordFile) };
  const parsed = parseCommandText(command ?? '');
  if (!parsed) throw new UsageError('--to-command takes the path of a program, or a JSON list of it and its arguments');
  return commandOrigin(parsed, '--to-command').obtain({ keyring: undefined, holdsData: async () => true });
}

/** Uses the key in the file, or makes the file. */
async function keyIn(file: string): Promise<MasterKeySource> {
  const text = await readKeyFile(file);
  if (text !== undefined) return masterKeyOf(file, text);
  const key = randomBytes(32);
  await writeKeyFile(file, key.toString('base64'));
  return { kind: 'key', key };
}

const passwordCharactersMin = 12;

async function passwordIn(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const password = text?.replace(/\r?\n$/, '');
  if (password !== undefined && password.length >= passwordCharactersMin) return password;
  throw new UsageError(
    `--to-password-file takes a file with a password of at least ${passwordCharactersMin} characters`,
  );
}

function remedyOf(options: Targets): string {
  const { 'to-command': command, 'to-key-file': keyFile, 'to-password-file': passwordFile } = options;
  const keep = 'keep the old key as long as backups from before exist';
  if (keyFile !== undefined) return `set COFFER_MASTER_KEY_FILE=${keyFile} and restart the servers; ${keep}`;
  if (passwordFile !== undefined)
    return `set COFFER_MASTER_PASSWORD_FILE=${passwordFile} and restart the servers; ${keep}`;
  if (command !== undefined) return `set COFFER_MASTER_KEY_COMMAND to the command and restart the servers; ${keep}`;
  return `the old key is beside it as master.key.<fingerprint>; ${keep}`;
}
