import type { Workspace } from '../../gen/coffer/v1/workspace_pb.ts';
import { CommandError } from '../errors/command-error.ts';
import type { Session } from './context.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { printable } from '../output/terminal-text.ts';
import { isWorkspaceId } from './workspace-id.ts';

/**
 * Finds a workspace by its id or its name.
 *
 * @throws CommandError if there is none of the name, and if there are several
 */
export async function findWorkspace({ coffer }: Session, reference: string): Promise<Workspace> {
  if (isWorkspaceId(reference)) {
    const { workspace } = await coffer.workspaces.getWorkspace({ workspaceId: reference });
    return workspace ?? raiseAbsent(reference);
  }
  const matches = (await listWorkspaces(coffer)).filter(({ name }) => name === reference);
  const [found = raiseAbsent(reference), ...others] = matches;
  if (others.length === 0) return found;
  const ids = matches.map(({ shortId }) => shortId).join(', ');
  throw new CommandError(exitCodes.error, `several workspaces are named ${printable(reference)}; use an id: ${ids}`);
}

async function listWorkspaces(coffer: Session['coffer']): Promise<readonly Workspace[]> {
  const listed: Workspace[] = [];
  let pageToken = '';
  do {
    const page = await coffer.workspaces.listWorkspaces({ pageSize: 1_000, pageToken });
    listed.push(...page.workspaces);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return listed;
}

function raiseAbsent(reference: string): never {
  throw new CommandError(exitCodes.absent, `there is no workspace ${printable(reference)}, or you are no member of it`);
}
