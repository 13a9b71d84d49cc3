import type { Command } from 'commander';
import type { CommandContext } from '../context/context.ts';
import { messageJson } from '../credentials/credential-text.ts';
import { findDeletedCredential } from '../credentials/find-credential.ts';
import { printable } from '../output/terminal-text.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { UndeleteCredentialResponseSchema } from '../../gen/coffer/v1/credential_service_pb.ts';

/** Registers `undelete`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('undelete')
    .argument('<name>', 'name or id of the deleted credential')
    .action(async (reference: string, options: SharedOptions) => {
      const session = await context.openSession(options);
      const { id: credentialId } = await findDeletedCredential(session, reference);
      const { coffer, workspaceId } = session;
      const restored = await coffer.credentials.undeleteCredential({ workspaceId, credentialId });
      const text = () => `${printable(reference)} is restored.\n`;
      context.output.print({ text, json: () => messageJson(UndeleteCredentialResponseSchema, restored) }, options);
    });
}
