import { existsSync, readFileSync } from 'node:fs';
import { adminKey } from './commands/admin-key.ts';
import { demo } from './commands/demo.ts';
import { start } from './commands/start.ts';
import { parseConfig, type Config } from './config.ts';
import { explainError } from './explain-error.ts';

const usage = `usage: coffer [command]

  start       serve until SIGTERM or SIGINT (this is the default)
  admin-key   replace a lost or stolen admin key; the server may be running
  demo        store, list and reveal credentials in a temporary Coffer, and show how
  help        print this

Configuration comes from the environment and from .env in the working directory; see docs/configuration.md.
`;

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
    process.stderr.write(`coffer: ${explainError(error)}\n`);
    return 1;
  }
}

/** The environment wins over `.env`. */
function readConfig(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return parseConfig(process.env, (path) => readFileSync(path, 'utf8'));
}

async function print(text: string): Promise<number> {
  process.stdout.write(text);
  return 0;
}
