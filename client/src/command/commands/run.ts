import type { Command } from 'commander';
import { runCommand } from '../../run/run-command.ts';
import type { CommandContext } from '../context/context.ts';
import { connectForReferences } from '../credentials/reference-calls.ts';
import { asCommandError } from '../errors/refusals.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { collect } from './option-values.ts';

interface RunOptions extends SharedOptions {
  readonly envFile?: readonly string[];
  readonly only?: readonly string[];
  readonly allOf?: string;
  readonly preserveEnv?: boolean;
  readonly allowReserved?: boolean;
  readonly keepToken?: boolean;
}

const examples = `
Examples:
  OPENAI_API_KEY=coffer://default/openai-prod/api_key coffer run -- node server.js
  coffer run --env-file .env -- docker compose up
  coffer run --all-of 'labels.app = "web"' -- ./start
`;

/** Registers `run`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('run')
    .description(
      'Runs a program with secrets in its environment. The value of a variable can be a reference, ' +
        'coffer://workspace/name/field, with each part percent-encoded.',
    )
    .argument('<command...>', 'program and its parameters')
    .option('--env-file <file>', 'also set the variables of a file; can be repeated', collect)
    .option('--only <names>', 'set these variables only, separated by commas', collectNames)
    .option('--all-of <filter>', 'set all fields of the credentials that a filter selects')
    .option('--preserve-env', 'let the environment win over the files and the vault')
    .option('--allow-reserved', 'also set PATH, LD_*, DYLD_* and NODE_OPTIONS')
    .option('--keep-token', 'leave COFFER_TOKEN in the environment of the program')
    .passThroughOptions()
    .addHelpText('after', examples)
    .action((command: readonly string[], options: RunOptions) => run(context, command, options));
}

async function run(context: CommandContext, command: readonly string[], options: RunOptions): Promise<void> {
  const { environment, platform } = context;
  try {
    context.exitCode = await runCommand({
      command,
      inherited: new Map(Object.entries(environment).map(([name, value = '']) => [name, value])),
      envFiles: options.envFile ?? [],
      allOf: options.allOf,
      rules: {
        only: options.only && new Set(options.only),
        preservesInherited: options.preserveEnv ?? false,
        allowsReserved: options.allowReserved ?? false,
        keepsToken: options.keepToken ?? false,
        platform,
      },
      connect: () => connectForReferences(context, options),
    });
  } catch (error) {
    throw asCommandError(error);
  }
}

function collectNames(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, ...value.split(',').map((name) => name.trim())];
}
