import { Option, type Command } from 'commander';
import { Credential_State, Credential_StateSchema } from '../../gen/coffer/v1/credential_pb.ts';
import { usageError } from '../errors/command-error.ts';
import type { CommandContext, Session } from '../context/context.ts';
import { enumName } from '../credentials/credential-text.ts';
import { isCredentialId } from '../credentials/credential-query.ts';
import { findCredential } from '../credentials/find-credential.ts';
import { listCredentials } from '../credentials/list-credentials.ts';
import { revealAll, type SecretTarget } from '../credentials/reveal-all.ts';
import { Progress } from '../output/progress.ts';
import { printable } from '../output/terminal-text.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { variableFormatNames, variableFormats, type VariableFormatName } from '../variables/formats.ts';
import { variablesOf } from '../variables/variables.ts';

interface ExportOptions extends SharedOptions {
  readonly filter?: string;
  readonly format: VariableFormatName;
  readonly prefix?: string;
  readonly show?: boolean;
}

/** Registers `export`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('export')
    .argument('[names...]', 'names or ids of the credentials')
    .option('--filter <filter>', 'export the active credentials that a filter selects')
    .addOption(new Option('--format <format>', 'form of the variables').choices(variableFormatNames).default('env'))
    .option('--prefix <prefix>', 'begin the name of each variable with this')
    .option('--show', 'show the secrets on a terminal')
    .action((names: readonly string[], options: ExportOptions) => exportSecrets(context, names, options));
}

async function exportSecrets(context: CommandContext, names: readonly string[], options: ExportOptions): Promise<void> {
  const { filter, prefix, json } = options;
  if (names.length > 0 === (filter !== undefined)) throw usageError('either names or a --filter are required');
  if (context.output.isTerminal && options.show !== true) {
    throw usageError('secrets are not shown on a terminal: add --show, or use a pipe or a file');
  }
  const session = await context.openSession(options);
  using progress = new Progress(context.output);
  const targets = await (filter === undefined
    ? namedTargets(session, names)
    : selectedTargets(context, session, filter));
  const variables = variablesOf(await revealAll(session, targets, progress), { prefix });
  progress.clear();
  context.output.write(variableFormats[json === true ? 'json' : options.format](variables));
}

/** A name is resolved by the call that reveals; an id needs the name, which the variables begin with. */
function namedTargets(session: Session, references: readonly string[]): Promise<readonly SecretTarget[]> {
  return Promise.all(
    references.map(async (reference) => {
      if (!isCredentialId(reference)) return { name: reference };
      const { id: credentialId, name = reference } = await findCredential(session, reference);
      return { name, credentialId };
    }),
  );
}

/** The secrets of credentials that are not active cannot be revealed. They are left out, with a note. */
async function selectedTargets(
  { output }: CommandContext,
  session: Session,
  filter: string,
): Promise<readonly SecretTarget[]> {
  const selected = await listCredentials(session, { filter, orderBy: 'name' });
  return selected.flatMap(({ id: credentialId, name = '', state }) => {
    if (state === Credential_State.ACTIVE) return [{ name, credentialId }];
    output.note(`${printable(name)} is left out: it is ${enumName(Credential_StateSchema, state)}`);
    return [];
  });
}
