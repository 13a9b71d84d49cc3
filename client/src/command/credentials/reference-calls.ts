import { JsonCalls } from '../../run/json-calls.ts';
import type { VaultCalls } from '../../run/vault-calls.ts';
import type { CommandContext } from '../context/context.ts';
import { isWorkspaceId } from '../context/workspace-id.ts';
import type { SharedOptions } from '../settings/settings.ts';

/**
 * Prepares the calls by which references are revealed. Nothing is sent yet, unless the workspace of the settings is a name.
 *
 * @throws CommandError if there is no token for the server
 */
export async function connectForReferences(context: CommandContext, options: SharedOptions): Promise<VaultCalls> {
  const settings = await context.findSettings(options);
  if (isWorkspaceId(settings.workspace)) return new JsonCalls(settings);
  const { workspaceId } = await context.openSession(options);
  return new JsonCalls({ ...settings, workspace: workspaceId });
}
