import type { Command } from 'commander';
import type { CommandContext } from '../context/context.ts';
import { formatTime, messageJson } from '../credentials/credential-text.ts';
import { findCredential } from '../credentials/find-credential.ts';
import { printable } from '../output/terminal-text.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { DeleteCredentialResponseSchema } from '../../gen/coffer/v1/credential_service_pb.ts';

interface RemoveOptions extends SharedOptions {
  readonly force?: boolean;
}

/** Registers `rm`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('rm')
    .argument('<name>', 'name or id of the credential')
    .option('--force', 'delete it although it was used lately')
    .action((name: string, options: RemoveOptions) => remove(context, name, options));
}

/** Deletes exactly what was found: not another credential of the name, and nothing that has changed since. */
async function remove(context: CommandContext, reference: string, options: RemoveOptions): Promise<void> {
  const session = await context.openSession(options);
  const { id: credentialId, etag } = await findCredential(session, reference);
  const { coffer, workspaceId } = session;
  const request = { workspaceId, credentialId, etag, force: options.force === true };
  const deleted = await coffer.credentials.deleteCredential(request);
  const text = () => {
    const until = formatTime(deleted.credential?.purgeAt);
    return `${printable(reference)} is deleted. Until ${until}, coffer undelete restores it.\n`;
  };
  context.output.print({ text, json: () => messageJson(DeleteCredentialResponseSchema, deleted) }, options);
}
