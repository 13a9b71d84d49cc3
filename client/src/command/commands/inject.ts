import type { Command } from 'commander';
import { createReadStream } from 'node:fs';
import { injectTemplate, templateBytesMax } from '../../run/inject-template.ts';
import type { CommandContext } from '../context/context.ts';
import { connectForReferences } from '../credentials/reference-calls.ts';
import { CommandError, usageError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { asCommandError } from '../errors/refusals.ts';
import type { SharedOptions } from '../settings/settings.ts';
import { readBytes } from '../terminal/read-text.ts';

interface InjectOptions extends SharedOptions {
  readonly show?: boolean;
}

/** Registers `inject`. */
export function register(program: Command, context: CommandContext): void {
  program
    .command('inject')
    .description(
      'Prints a file with secrets in the place of its references, {{ coffer://workspace/name/field }}. ' +
        'Nothing is printed unless every secret could be revealed.',
    )
    .argument('[file]', 'template; the standard input by default')
    .option('--show', 'show the result on a terminal')
    .action((file: string | undefined, options: InjectOptions) => inject(context, file, options));
}

async function inject(context: CommandContext, file: string | undefined, options: InjectOptions): Promise<void> {
  const { output, stdin } = context;
  if (output.isTerminal && options.show !== true) {
    throw usageError('secrets are not shown on a terminal: add --show, or write to a file or a pipe');
  }
  if (file === undefined && stdin.isTTY) throw usageError('a file is needed, or a template on the standard input');
  const source = file === undefined ? await readTemplate(stdin, 'the standard input') : await readFile(file);
  try {
    output.write(await injectTemplate(source, () => connectForReferences(context, options)));
  } catch (error) {
    throw asCommandError(error);
  }
}

async function readFile(path: string): Promise<Buffer> {
  try {
    return await readTemplate(createReadStream(path), path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new CommandError(exitCodes.error, `${path} cannot be read: ${String(error.code)}`);
  }
}

function readTemplate(stream: AsyncIterable<Uint8Array | string>, name: string): Promise<Buffer> {
  return readBytes(stream, name, templateBytesMax);
}
