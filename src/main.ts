import { existsSync, readFileSync } from 'node:fs';
import { url } from 'node:inspector';
import { UsageError } from './commands/usage-error.ts';
import { parseConfig, type Config } from './config.ts';
import { explainError } from './start/explain-error.ts';
import { refuseExposedInspector } from './start/exposed-inspector.ts';
import { StopRequests } from './start/stop-requests.ts';

const usage = `usage: coffer [command]

  start       serve until SIGTERM, SIGINT, SIGQUIT or SIGHUP (this is the default)
  admin-key [--out FILE | --print]
              replace a lost or stolen admin key; the server may be running
  admin-key --new [--out FILE | --print]
              make a key for COFFER_ADMIN_API_KEY, without touching any vault
  audit-export [--from TIME] [--to TIME]
              print the audit trail as JSON lines: events from TIME on, and before TIME
  audit-prune --before TIME [--despite-rows]
              delete the events before TIME from the beginning of each stream of the audit trail
  migrate     bring the schema of COFFER_DATABASE_URL to this release, as the user of
              COFFER_MIGRATE_DATABASE_URL where that is given
  demo        store, list and reveal credentials in a temporary Coffer, and show how
  help        print this

Configuration comes from the environment and from .env in the working directory; see docs/configuration.md.
`;

/** A command, which is given the parameters after its name, and answers the exit code. */
type Command = (parameters: readonly string[], stopping: StopRequests) => Promise<number>;

/** As shells report a process that was interrupted: 128 and the number of SIGINT. */
const stoppedExitCode = 130;

/** Each loads its own code alone: what a server never needs takes neither its time to start nor its memory. */
const commands: Readonly<Record<string, Command>> = {
  start: withoutOptions(async (stopping) => (await import('./commands/start.ts')).start(readConfig(), stopping)),
  'admin-key': async (parameters, stopping) =>
    (await import('./commands/admin-key.ts')).adminKey(readConfig, parameters, stopping),
  'audit-export': async (parameters, stopping) =>
    (await import('./commands/audit-export.ts')).auditExport(readConfig(), parameters, stopping),
  'audit-prune': async (parameters, stopping) =>
    (await import('./commands/audit-prune.ts')).auditPrune(readConfig(), parameters, stopping),
  migrate: withoutOptions(async () => (await import('./commands/migrate.ts')).migrate(readConfig())),
  demo: withoutOptions(async (stopping) => (await import('./commands/demo.ts')).demo(stopping)),
  help: withoutOptions(() => print(usage)),
  '--help': withoutOptions(() => print(usage)),
};

/**
 * Carries out a command line. Failures that an operator can mend are told in a sentence; others with their stack.
 *
 * @returns the exit code
 */
export async function run([name = 'start', ...rest]: readonly string[]): Promise<number> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  using stopping = new StopRequests({ source: process });
  try {
    refuseExposedInspector({ parameters: process.execArgv, options: process.env['NODE_OPTIONS'], url: url() });
    if (!command) throw new UsageError(`there is no command ${name}`);
    return await command(rest, stopping);
  } catch (error) {
    if (stopping.requested.aborted) return stoppedExitCode;
    if (error instanceof UsageError) {
      process.stderr.write(`coffer: ${error.message}\n\n${usage}`);
      return 2;
    }
    process.stderr.write(`coffer: ${explainError(error)}\n`);
    return 1;
  }
}

function withoutOptions(command: (stopping: StopRequests) => Promise<number>): Command {
  return async (parameters, stopping) => {
    if (parameters.length > 0) throw new UsageError('the command takes no options');
    return command(stopping);
  };
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
