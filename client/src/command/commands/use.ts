import type { Command } from 'commander';
import { WorkspaceSchema } from '../../gen/coffer/v1/workspace_pb.ts';
import { CommandError, usageError } from '../errors/command-error.ts';
import type { CommandContext } from '../context/context.ts';
import { findWorkspace } from '../context/find-workspace.ts';
import { messageJson } from '../credentials/credential-text.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { printable } from '../output/terminal-text.ts';
import type { SharedOptions } from '../settings/settings.ts';

/** Registers `use`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('use')
    .argument('<workspace>', 'name or id of the workspace, or default')
    .action((reference: string, options: SharedOptions) => use(context, reference, options));
}

async function use(context: CommandContext, reference: string, options: SharedOptions): Promise<void> {
  const session = await context.openSession(options);
  const profile = context.profileFile.read();
  if (profile === undefined)
    throw new CommandError(exitCodes.error, 'there is no login to keep the workspace in: run coffer login');
  if (profile.url !== session.url) throw usageError(`the login is one at ${profile.url}`);
  const workspace = await findWorkspace(session, reference);
  const { workspace: _, ...rest } = profile;
  context.profileFile.write(reference === 'default' ? rest : { ...rest, workspace: workspace.id });
  if (context.environment['COFFER_WORKSPACE']) context.output.note('COFFER_WORKSPACE is set, and takes precedence');
  const text = () => `workspace ${printable(workspace.name)} (${workspace.shortId})\n`;
  context.output.print({ text, json: () => ({ workspace: messageJson(WorkspaceSchema, workspace) }) }, options);
}
