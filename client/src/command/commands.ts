import type { Command } from 'commander';
import type { CommandContext } from './context/context.ts';

/** The module of a command. */
export interface CommandModule {
  /** Adds the command, with its parameters and options, to the program. */
  register(program: Command, context: CommandContext): void;
}

/** A command in the list of all. */
export interface CommandEntry {
  readonly summary: string;
  /** Loads the command's module, and what only it needs. */
  readonly load: () => Promise<CommandModule>;
  /** Whether it is about the commands themselves, so that the modules of all are loaded. */
  readonly needsAll?: boolean;
}

/** The commands, in the order of the list. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  login: { summary: 'log in to a server', load: () => import('./commands/login.ts') },
  logout: { summary: 'end the login', load: () => import('./commands/logout.ts') },
  whoami: {
    summary: 'show who is logged in, where, and with which rights',
    load: () => import('./commands/whoami.ts'),
  },
  use: { summary: 'choose the workspace of the commands after it', load: () => import('./commands/use.ts') },
  put: { summary: 'store a secret, or a field of one', load: () => import('./commands/put.ts') },
  get: { summary: 'reveal a secret, or a field of one', load: () => import('./commands/get.ts') },
  list: { summary: 'list the credentials', load: () => import('./commands/list.ts') },
  find: { summary: 'list the credentials that a filter selects', load: () => import('./commands/find.ts') },
  describe: {
    summary: 'show everything about a credential but its secret',
    load: () => import('./commands/describe.ts'),
  },
  versions: { summary: 'list the versions of a secret', load: () => import('./commands/versions.ts') },
  restore: {
    summary: 'make an earlier version of a secret the current one',
    load: () => import('./commands/restore.ts'),
  },
  rm: { summary: 'delete a credential, which can be restored for a while', load: () => import('./commands/rm.ts') },
  undelete: { summary: 'restore a deleted credential', load: () => import('./commands/undelete.ts') },
  run: { summary: 'run a program with secrets in its environment', load: () => import('./commands/run.ts') },
  inject: { summary: 'print a file with secrets in it', load: () => import('./commands/inject.ts') },
  export: { summary: 'print secrets as variables', load: () => import('./commands/export.ts') },
  watch: { summary: 'print the changes of credentials as they happen', load: () => import('./commands/watch.ts') },
  import: { summary: 'store the secrets of another program or file', load: () => import('./commands/import.ts') },
  completion: {
    summary: 'print a completion script for a shell',
    load: () => import('./commands/completion.ts'),
    needsAll: true,
  },
};
