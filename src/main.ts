import { existsSync, readFileSync } from 'node:fs';
import { url } from 'node:inspector';
import { UsageError } from './commands/usage.ts';
import { describeCommand, describeProgram, usages, type CommandName } from './commands/usage.ts';
import type { Config } from './config/config.ts';
import { refuseExposedInspector } from './start/exposed-inspector.ts';
import { StopRequests } from './start/stop-requests.ts';
import { productVersion } from './start/product-version.ts';

/** A command. It receives the parameters after its name, and returns the exit code. */
type Command = (parameters: readonly string[], stopping: StopRequests) => Promise<number>;

/** The exit code of an interrupted process, as shells report it: 128 plus the number of SIGINT. */
const stoppedExitCode = 130;

/** Each command loads only its own code, which saves time at the start and memory. */
const commands: Readonly<Record<CommandName, Command>> = {
  start: withoutOptions(async (stopping) => (await import('./commands/start.ts')).start(await loadConfig(), stopping)),
  'admin-key': async (parameters, stopping) =>
    (await import('./commands/admin-key.ts')).adminKey(loadConfig, parameters, stopping),
  'audit-export': async (parameters, stopping) =>
    (await import('./commands/audit-export.ts')).auditExport(await loadConfig(), parameters, stopping),
  'audit-prune': async (parameters, stopping) =>
    (await import('./commands/audit-prune.ts')).auditPrune(await loadConfig(), parameters, stopping),
  'audit-verify': async (parameters, stopping) =>
    (await import('./commands/audit-verify.ts')).auditVerify(await loadConfig(), parameters, stopping),
  'audit-acknowledge-loss': withoutOptions(async (stopping) =>
    (await import('./commands/audit-acknowledge-loss.ts')).auditAcknowledgeLoss(await loadConfig(), stopping),
  ),
  keys: async (parameters, stopping) => (await import('./commands/keys.ts')).keys(loadConfig, parameters, stopping),
  doctor: async (parameters, stopping) =>
    (await import('./commands/doctor.ts')).doctor(loadConfig, parameters, stopping),
  migrate: withoutOptions(async () => (await import('./commands/migrate.ts')).migrate(await loadConfig())),
  demo: withoutOptions(async (stopping) => (await import('./commands/demo.ts')).demo(stopping)),
  version: withoutOptions(() => print(`coffer ${productVersion()}\n`)),
  help,
};

/** Options that stand for a command as the first parameter. */
const optionCommands: Readonly<Record<string, CommandName>> = {
  '--version': 'version',
  '--help': 'help',
  '-h': 'help',
};

/**
 * Runs a command line. A failure that an operator can fix is explained in a sentence, any other with its stack.
 *
 * @returns the exit code
 */
export async function run([first = 'start', ...rest]: readonly string[]): Promise<number> {
  const name = commandNamed(first);
  using stopping = new StopRequests({ source: process });
  try {
    refuseExposedInspector({ parameters: process.execArgv, options: process.env['NODE_OPTIONS'], url: url() });
    if (name === undefined) throw new UsageError(`there is no command ${first}`);
    if (rest.some((parameter) => parameter === '--help' || parameter === '-h')) return await help([name]);
    return await commands[name](rest, stopping);
  } catch (error) {
    if (stopping.requested.aborted) return stoppedExitCode;
    if (error instanceof UsageError) {
      process.stderr.write(`coffer: ${error.message}\n\n${name ? describeCommand(name) : describeProgram()}`);
      return 2;
    }
    const { explainError } = await import('./start/explain-error.ts');
    process.stderr.write(`coffer: ${explainError(error)}\n`);
    return 1;
  }
}

function commandNamed(text: string): CommandName | undefined {
  return Object.keys(usages).find((name): name is CommandName => name === text) ?? ownValue(optionCommands, text);
}

function ownValue<Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

async function help([text, ...more]: readonly string[]): Promise<number> {
  const name = text === undefined ? 'help' : commandNamed(text);
  if (name === undefined) throw new UsageError(`there is no command ${text}`);
  if (more.length > 0) throw new UsageError('help takes one command at most');
  return print(name === 'help' ? describeProgram() : describeCommand(name));
}

function withoutOptions(command: (stopping: StopRequests) => Promise<number>): Command {
  return async (parameters, stopping) => {
    if (parameters.length > 0) throw new UsageError('the command takes no options');
    return command(stopping);
  };
}

/** The environment takes precedence over `.env`, except for variables of Kubernetes that have the name of a setting. */
async function loadConfig(): Promise<Config> {
  const { readConfig } = await import('./start/read-config.ts');
  const { findForeignVariables } = await import('./config/setting-reader.ts');
  const given = { ...process.env };
  for (const name of findForeignVariables(given)) delete process.env[name];
  if (existsSync('.env')) process.loadEnvFile('.env');
  return readConfig({ ...given, ...process.env }, (path) => readFileSync(path, 'utf8'));
}

async function print(text: string): Promise<number> {
  process.stdout.write(text);
  return 0;
}
