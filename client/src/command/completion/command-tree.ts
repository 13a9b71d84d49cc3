import type { Command, Option } from 'commander';

/** An option for completion scripts. */
export interface CompletedOption {
  /** Such as `--format`. */
  readonly flag: string;
  readonly description: string;
  readonly takesValue: boolean;
  /** The values that it accepts; empty for any. */
  readonly choices: readonly string[];
  /** Whether the value is the path of a file. */
  readonly isPath: boolean;
}

/** A command for completion scripts. */
export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** The values of its first argument; empty for any. */
  readonly choices: readonly string[];
}

/** What completion scripts are written from. It has no names of credentials, which would need a login and a call. */
export function commandTree(program: Command): readonly CompletedCommand[] {
  return program.commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    options: command.options.filter(({ hidden, long }) => !hidden && long !== undefined).map(describeOption),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  }));
}

function describeOption({ long, description, required, optional, argChoices, flags }: Option): CompletedOption {
  return {
    flag: long ?? '',
    description,
    takesValue: required || optional,
    choices: argChoices ?? [],
    isPath: /<(path|file|directory)>/.test(flags),
  };
}
