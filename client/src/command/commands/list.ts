import type { Command } from 'commander';
import type { CommandContext } from '../context/context.ts';
import { credentialColumns, messageJson } from '../credentials/credential-text.ts';
import { listCredentials } from '../credentials/list-credentials.ts';
import { parseLimit } from './option-values.ts';
import { Progress } from '../output/progress.ts';
import { formatTable } from '../output/table.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { CredentialSchema } from '../../gen/coffer/v1/credential_pb.ts';

/** The options of `list` and `find`. */
export interface ListOptions extends SharedOptions {
  readonly orderBy?: string;
  readonly limit?: number;
  readonly deleted?: boolean;
}

/** Registers `list`. */
export function register(program: Command, context: CommandContext): void {
  addListOptions(program.command('list')).action((options: ListOptions) => list(context, undefined, options));
}

/** Adds the options that `list` and `find` have in common. */
export function addListOptions(command: Command): Command {
  return command
    .option('--order-by <fields>', 'order, such as "name" or "updated_at desc"')
    .option('--limit <number>', 'list at most so many', parseLimit)
    .option('--deleted', 'list deleted credentials as well');
}

/** Lists the credentials that a filter selects. */
export async function list(
  context: CommandContext,
  filter: string | undefined,
  { orderBy, limit, deleted, ...options }: ListOptions,
): Promise<void> {
  const session = await context.openSession(options);
  using progress = new Progress(context.output);
  const credentials = await listCredentials(session, { filter, orderBy, limit, showDeleted: deleted }, progress);
  progress.clear();
  const text = () => formatTable(credentialColumns, credentials, context.output);
  const json = () => ({ credentials: credentials.map((credential) => messageJson(CredentialSchema, credential)) });
  context.output.print({ text, json }, options);
}
