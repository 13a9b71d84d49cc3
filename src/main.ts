import { existsSync, readFileSync } from 'node:fs';
import { adminKey } from './commands/admin-key.ts';
import { demo } from './commands/demo.ts';
import { start } from './commands/start.ts';
import { ConfigError, parseConfig, type Config } from './config.ts';
import { EmbeddedPostgresError } from './embedded/embedded-error.ts';
import { KeyringDamagedError, KeyringMissingError, WrongMasterKeyError } from './encryption/keyring-errors.ts';
import { KeyFileError } from './key-file.ts';
import { SchemaTooNewError } from './store/migrate.ts';
import { VaultError } from './vault/errors.ts';

const usage = `usage: coffer [command]

  start       serve until SIGTERM or SIGINT (this is the default)
  admin-key   replace a lost or stolen admin key; the server may be running
  demo        store, list and reveal credentials in a temporary Coffer, and show how
  help        print this

Configuration comes from the environment and from .env in the working directory; see docs/configuration.md.
`;

/** Failures whose message says what is wrong and what to do; of any other, the stack is wanted. */
const errorsForOperators = [
  ConfigError,
  EmbeddedPostgresError,
  KeyFileError,
  KeyringDamagedError,
  KeyringMissingError,
  SchemaTooNewError,
  VaultError,
  WrongMasterKeyError,
];

/** A command, which answers the exit code. */
type Command = () => Promise<number>;

const commands: Readonly<Record<string, Command>> = {
  start: () => start(readConfig()),
  'admin-key': () => adminKey(readConfig()),
  demo: () => demo(),
  help: () => print(usage),
  '--help': () => print(usage),
};

/**
 * Carries out a command line. Failures that an operator can mend are told in a sentence; others with their stack.
 *
 * @returns the exit code
 */
export async function run([name = 'start', ...rest]: readonly string[]): Promise<number> {
  const command = Object.hasOwn(commands, name) && rest.length === 0 ? commands[name] : undefined;
  if (!command) {
    process.stderr.write(usage);
    return 2;
  }
  try {
    return await command();
  } catch (error) {
    process.stderr.write(`coffer: ${explain(error)}\n`);
    return 1;
  }
}

/** The environment wins over `.env`. */
function readConfig(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return parseConfig(process.env, (path) => readFileSync(path, 'utf8'));
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isForOperators = errorsForOperators.some((type) => error instanceof type);
  return isForOperators ? error.message : (error.stack ?? error.message);
}

async function print(text: string): Promise<number> {
  process.stdout.write(text);
  return 0;
}
