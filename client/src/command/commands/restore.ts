import type { Command } from 'commander';
import { usageError } from '../errors/command-error.ts';
import type { CommandContext } from '../context/context.ts';
import { messageJson } from '../credentials/credential-text.ts';
import { findCredential } from '../credentials/find-credential.ts';
import { parseVersion } from './option-values.ts';
import { printable } from '../output/terminal-text.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { RestoreSecretVersionResponseSchema } from '../../gen/coffer/v1/secret_service_pb.ts';

interface RestoreOptions extends SharedOptions {
  readonly version?: number;
}

/** Registers `restore`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('restore')
    .argument('<name>', 'name or id of the credential')
    .argument('[version]', 'number of the version whose content becomes current again', parseVersion)
    .option('--version <number>', 'the same as an option', parseVersion)
    .action((name: string, version: number | undefined, options: RestoreOptions) =>
      restore(context, name, version ?? options.version, options),
    );
}

async function restore(
  context: CommandContext,
  reference: string,
  earlier: number | undefined,
  options: RestoreOptions,
): Promise<void> {
  if (earlier === undefined) throw usageError('the version to restore is missing: see coffer versions');
  const session = await context.openSession(options);
  const { id: credentialId } = await findCredential(session, reference);
  const { coffer, workspaceId } = session;
  const restored = await coffer.secrets.restoreSecretVersion({ workspaceId, credentialId, version: earlier });
  const text = () =>
    `${printable(reference)}: version ${restored.version?.version} has the content of version ${earlier}\n`;
  context.output.print({ text, json: () => messageJson(RestoreSecretVersionResponseSchema, restored) }, options);
}
