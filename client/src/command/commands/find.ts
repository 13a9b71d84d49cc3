import type { Command } from 'commander';
import type { CommandContext } from '../context/context.ts';
import { addListOptions, list, type ListOptions } from './list.ts';

/** Registers `find`. */
export function register(program: Command, context: CommandContext): void {
  addListOptions(program.command('find'))
    .argument('<filter>', `what to list, such as 'provider = "openai" AND labels.env = "prod"'`)
    .action((filter: string, options: ListOptions) => list(context, filter, options));
}
