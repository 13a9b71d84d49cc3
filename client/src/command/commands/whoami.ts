import type { Command } from 'commander';
import { Grant_Role, Grant_RoleSchema, type Grant } from '../../gen/coffer/v1/grant_pb.ts';
import { WhoAmIResponseSchema, type WhoAmIResponse } from '../../gen/coffer/v1/access_service_pb.ts';
import type { CommandContext, Session } from '../context/context.ts';
import { enumName, messageJson } from '../credentials/credential-text.ts';
import { formatFields, formatTable, type Column } from '../output/table.ts';
import type { SharedOptions } from '../settings/settings.ts';

const columns: readonly Column<Grant>[] = [
  { heading: 'WORKSPACE', text: ({ shortId }) => shortId },
  { heading: 'ROLE', text: ({ role }) => enumName(Grant_RoleSchema, role) },
  {
    heading: 'REVEALS',
    text: ({ withoutReveal, role }) => (withoutReveal || role < Grant_Role.RUNTIME ? 'no' : 'yes'),
  },
  { heading: 'LIMITED TO', text: formatLimits },
];

/** Registers `whoami`. */
export function register(program: Command, context: CommandContext): void {
  program.command('whoami').action(async (options: SharedOptions) => {
    const session = await context.openSession(options);
    const caller = await session.coffer.access.whoAmI({});
    const text = () => formatCaller(caller, session) + formatTable(columns, caller.grants, context.output);
    context.output.print({ text, json: () => messageJson(WhoAmIResponseSchema, caller) }, options);
  });
}

function formatCaller(caller: WhoAmIResponse, { url, workspaceId }: Session): string {
  const isDefault = workspaceId === 'default';
  return formatFields({
    name: caller.name,
    kind: caller.kind,
    id: caller.id,
    owner: caller.isOwner ? 'yes' : 'no',
    server: url,
    workspace: isDefault ? `${caller.defaultWorkspaceShortId} (default)` : workspaceId,
  });
}

function formatLimits({ providers, tags, credentialIds, subjects }: Grant): string {
  return Object.entries({ providers, tags, credentials: credentialIds, subjects })
    .flatMap(([kind, limits]) => (limits.length > 0 ? [`${kind} ${limits.join(', ')}`] : []))
    .join('; ');
}
