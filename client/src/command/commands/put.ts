import type { Command } from 'commander';
import type { CommandContext } from '../context/context.ts';
import { findCredentialIfPresent } from '../credentials/find-credential.ts';
import { messageJson } from '../credentials/credential-text.ts';
import { storeSecret, type CredentialAttributes } from '../credentials/store-secret.ts';
import { readValue, type ValueOptions } from '../input/read-value.ts';
import { collect, collectLabel } from './option-values.ts';
import { printable } from '../output/terminal-text.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { CredentialSchema } from '../../gen/coffer/v1/credential_pb.ts';

interface PutOptions extends SharedOptions, ValueOptions {
  readonly replace?: boolean;
  readonly provider?: string;
  readonly subject?: string;
  readonly authType?: string;
  readonly description?: string;
  readonly tag?: string[];
  readonly label?: Record<string, string>;
}

/** Registers `put`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('put')
    .argument('<name>', 'name or id of the credential, which is created if it is absent')
    .argument(
      '[field]',
      'field of the secret; without it, a JSON object is the whole secret, and another text its only field',
    )
    .option('--file <path>', 'read the value from a file; by default from the standard input')
    .option('--editor', 'write the value in $VISUAL or $EDITOR')
    .option('--replace', 'keep no other field, which needs no right to reveal')
    .option('--provider <name>', 'service that accepts the secret, such as openai')
    .option('--subject <text>', 'end user or customer on whose behalf it is kept')
    .option('--auth-type <name>', 'method of authentication, such as api_key')
    .option('--description <text>', 'description')
    .option('--tag <tag>', 'a tag, once for each', collect)
    .option('--label <key=value>', 'a label, once for each', collectLabel)
    .action((name: string, field: string | undefined, options: PutOptions) => put(context, name, field, options));
}

async function put(
  context: CommandContext,
  reference: string,
  field: string | undefined,
  options: PutOptions,
): Promise<void> {
  const session = await context.openSession(options);
  const existing = await findCredentialIfPresent(session, reference);
  const title = `Value of ${printable(field === undefined ? reference : `${reference}/${field}`)}`;
  const text = await readValue(context, options, title);
  const attributes = attributesOf(options);
  const stored = await storeSecret(session, {
    name: reference,
    existing,
    field,
    text,
    attributes,
    replace: options.replace === true,
  });
  context.output.print(
    {
      text: () => `${printable(reference)}: version ${stored.currentVersion}\n`,
      json: () => ({ credential: messageJson(CredentialSchema, stored) }),
    },
    options,
  );
}

/** Only those that were given. */
function attributesOf({ provider, subject, authType, description, tag, label }: PutOptions): CredentialAttributes {
  return {
    ...(provider !== undefined && { provider }),
    ...(subject !== undefined && { subject }),
    ...(authType !== undefined && { authType }),
    ...(description !== undefined && { description }),
    ...(tag !== undefined && { tags: tag }),
    ...(label !== undefined && { labels: label }),
  };
}
