import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { commands } from './commands.ts';
import { exitCodes } from './exit-codes.ts';
import { serverCommands } from './server-commands.ts';

/**
 * Runs a command line.
 *
 * @returns the exit code
 */
export async function run(parameters: readonly string[]): Promise<number> {
  const name = parameters.find((parameter) => !parameter.startsWith('-')) ?? '';
  if (serverCommands.has(name)) {
    process.stderr.write(`coffer: ${name} is a command of the server: coffer-server ${name}\n`);
    return exitCodes.usage;
  }
  const program = await createProgram(name);
  try {
    await program.parseAsync(parameters, { from: 'user' });
    return Number(process.exitCode ?? exitCodes.success);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage;
    process.stderr.write(`coffer: ${error instanceof Error ? error.message : String(error)}\n`);
    return exitCodes.error;
  }
}

/** The program, with the module of one command; of the others, it has what the list shows. */
async function createProgram(requested: string): Promise<Command> {
  const program = new Command('coffer').description('Keeps and uses the secrets of a Coffer.').version(version);
  program.exitOverride().showHelpAfterError();
  for (const [name, { load, summary }] of Object.entries(commands)) {
    if (name === requested) (await load()).register(program);
    else program.command(name).description(summary);
  }
  return program;
}
