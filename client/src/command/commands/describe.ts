import type { Command } from 'commander';
import type { CommandContext } from '../context/context.ts';
import { formatCredential, messageJson } from '../credentials/credential-text.ts';
import { findCredential } from '../credentials/find-credential.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { CredentialSchema } from '../../gen/coffer/v1/credential_pb.ts';

/** Registers `describe`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('describe')
    .argument('<name>', 'name or id of the credential')
    .action(async (reference: string, options: SharedOptions) => {
      const credential = await findCredential(await context.openSession(options), reference);
      const text = () => formatCredential(credential);
      context.output.print({ text, json: () => messageJson(CredentialSchema, credential) }, options);
    });
}
