import { Argument, type Command } from 'commander';
import { bashScript } from '../completion/bash.ts';
import { commandTree, type CompletedCommand } from '../completion/command-tree.ts';
import { fishScript } from '../completion/fish.ts';
import { zshScript } from '../completion/zsh.ts';
import { usageError } from '../errors/command-error.ts';
import type { CommandContext } from '../context/context.ts';

const scripts: Readonly<Record<string, (commands: readonly CompletedCommand[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** Registers `completion`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(scripts)))
    .action((shell: string) => complete(program, context, shell));
}

/** The script is written from the program, in which all commands are registered, so that it cannot differ from them. */
function complete(program: Command, context: CommandContext, shell: string): void {
  const script = Object.entries(scripts).find(([name]) => name === shell)?.[1];
  if (script === undefined) throw usageError(`there is no script for ${shell}`);
  context.output.write(script(commandTree(program)));
}
