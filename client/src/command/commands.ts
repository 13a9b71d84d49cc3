import type { Command } from 'commander';

/** The module of a command. */
export interface CommandModule {
  /** Adds the command, with its parameters and options, to the program. */
  register(program: Command): void;
}

/** A command in the list of all. */
export interface CommandEntry {
  readonly summary: string;
  /** Loads the command's module, and what only it needs. */
  readonly load: () => Promise<CommandModule>;
}

/** The commands, in the order of the list. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  import: { summary: 'store the secrets of another program or file', load: () => import('./import.ts') },
};
