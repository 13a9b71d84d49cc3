import { Command, CommanderError, type OutputConfiguration } from 'commander';
import { version } from '../version.ts';
import { usageError } from './errors/command-error.ts';
import { commands } from './commands.ts';
import { describeUsage, isHelp } from './errors/usage-errors.ts';
import { CommandContext, type Host } from './context/context.ts';
import { exitCodes } from './errors/exit-codes.ts';
import { reportFailure } from './report-failure.ts';
import { serverCommands } from './server-commands.ts';
import type { SharedOptions } from './settings/settings.ts';

/**
 * Runs a command line.
 *
 * @returns the exit code
 */
export async function run(parameters: readonly string[], host: Host): Promise<number> {
  const context = new CommandContext(host);
  let options: SharedOptions = {};
  try {
    const program = createProgram().configureOutput(writersTo(host));
    const name = requestedCommand(parameters);
    if (serverCommands.has(name)) throw usageError(`${name} is a command of the server: coffer-server ${name}`);
    await registerCommands(program, context, name);
    program.hook('preAction', (_, command) => void (options = takeOver(program, command)));
    await program.parseAsync(asHelpOption(parameters), { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && isHelp(error))
      return error.exitCode === 0 ? exitCodes.success : exitCodes.usage;
    return reportFailure(error instanceof CommanderError ? describeUsage(error) : error, context, options);
  }
}

/**
 * Adds the commands to the program: the requested one with everything, and the others with what the list shows, so that only the
 * code of one command is loaded.
 */
async function registerCommands(program: Command, context: CommandContext, requested: string): Promise<void> {
  const loadsAll = commands[requested]?.needsAll === true;
  for (const [name, { load, summary }] of Object.entries(commands)) {
    if (loadsAll || name === requested) (await load()).register(program, context);
    const command = program.commands.find((candidate) => candidate.name() === name) ?? program.command(name);
    addSharedOptions(command.summary(summary).description(command.description() || sentence(summary)));
  }
}

/** The program without its commands. */
function createProgram(): Command {
  const program = new Command('coffer').description('Keeps and uses the secrets of a Coffer.').version(version);
  program.exitOverride().configureHelp({ subcommandTerm: (command) => command.name() });
  return addSharedOptions(program.enablePositionalOptions());
}

/** Usage errors are written to the standard error, help to the standard output. */
function writersTo({ stdout, stderr }: Host): OutputConfiguration {
  return {
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
    // Errors are reported as all others are, and without the arguments that they quote.
    outputError: () => undefined,
  };
}

function addSharedOptions(command: Command): Command {
  return command
    .option('--url <url>', 'server; by default COFFER_URL, or that of the login')
    .option('--workspace <workspace>', 'id of the workspace; by default COFFER_WORKSPACE, or what coffer use chose')
    .option('--json', 'print the result, and an error, as JSON');
}

/** The name of the command that a command line asks for, or asks help for; empty if it has none. */
function requestedCommand(parameters: readonly string[]): string {
  const words = parameters.filter((parameter, index) => {
    return !parameter.startsWith('-') && !/^--(url|workspace)$/.test(parameters[index - 1] ?? '');
  });
  return (words[0] === 'help' ? words[1] : words[0]) ?? '';
}

/** `coffer help NAME` as `coffer NAME --help`. */
function asHelpOption(parameters: readonly string[]): string[] {
  const [first, name, ...rest] = parameters;
  return first === 'help' && name !== undefined ? [name, '--help', ...rest] : [...parameters];
}

/** Gives a command the options that stand before its name. */
function takeOver(program: Command, command: Command): SharedOptions {
  for (const [name, value] of Object.entries(program.opts())) {
    if (command.getOptionValue(name) === undefined) command.setOptionValue(name, value);
  }
  return command.opts<SharedOptions>();
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
