import type { Command } from 'commander';
import { usageError } from '../errors/command-error.ts';
import type { CommandContext } from '../context/context.ts';
import { readSecret, type RevealedSecret } from '../credentials/read-secret.ts';
import { parseVersion } from './option-values.ts';
import { printableLines } from '../output/terminal-text.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { textOfValue } from '../variables/variables.ts';

interface GetOptions extends SharedOptions {
  readonly version?: number;
  readonly purpose?: string;
  readonly show?: boolean;
  readonly copy?: boolean;
}

/** Registers `get`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('get')
    .argument('<name>', 'name or id of the credential')
    .argument('[field]', 'field of the secret; by default its only one, or all of them as JSON')
    .option('--version <number>', 'version to reveal; by default the current one', parseVersion)
    .option('--purpose <text>', 'reason, which is kept in the audit trail')
    .option('--show', 'show the secret on a terminal')
    .option('--copy', 'copy the secret to the clipboard')
    .action((name: string, field: string | undefined, options: GetOptions) => get(context, name, field, options));
}

async function get(
  context: CommandContext,
  reference: string,
  field: string | undefined,
  options: GetOptions,
): Promise<void> {
  const { output } = context;
  if (output.isTerminal && options.show !== true && options.copy !== true) {
    throw usageError('a secret is not shown on a terminal: add --show or --copy, or use a pipe');
  }
  const { version, purpose } = options;
  const revealed = await readSecret(await context.openSession(options), { reference, field, version, purpose });
  if (options.copy === true) {
    const { copyToClipboard } = await import('../terminal/clipboard.ts');
    await copyToClipboard(textOf(revealed), context);
    return output.note('copied to the clipboard');
  }
  if (options.json === true) return output.print({ text: () => '', json: () => jsonOf(revealed) }, options);
  output.write(output.isTerminal ? `${printableLines(textOf(revealed))}\n` : textOf(revealed));
}

/** A field as it is stored; the only field of a secret, or the JSON of all fields. */
function textOf({ secret, value }: RevealedSecret): string {
  if (secret === undefined) return textOfValue(value);
  const values = Object.values(secret);
  return textOfValue(values.length === 1 ? values[0] : secret);
}

/** In the form of ResolveSecretResponse. */
function jsonOf({ credentialId, version, secret, value }: RevealedSecret): unknown {
  return { credential_id: credentialId, version, ...(secret === undefined ? { value } : { secret }) };
}
