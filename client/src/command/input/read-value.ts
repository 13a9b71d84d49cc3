import { createReadStream } from 'node:fs';
import { CommandError, usageError } from '../errors/command-error.ts';
import type { CommandContext } from '../context/context.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { readText, withoutFinalNewline } from '../terminal/read-text.ts';

/** The options that choose where a value comes from. */
export interface ValueOptions {
  readonly file?: string | undefined;
  readonly editor?: boolean | undefined;
}

/**
 * Reads a value: from a file, an editor, a pipe or, on a terminal, a prompt. The line break at the end of a single line is
 * dropped.
 *
 * @throws CommandError for an empty value
 */
export async function readValue(context: CommandContext, options: ValueOptions, title: string): Promise<string> {
  if (options.file !== undefined && options.editor === true) throw usageError('--file and --editor exclude each other');
  const value = withoutFinalNewline(await readSource(context, options, title));
  if (value === '') throw usageError('the value is empty, and nothing was stored');
  return value;
}

async function readSource(context: CommandContext, { file, editor }: ValueOptions, title: string): Promise<string> {
  if (file !== undefined) return readFile(file);
  if (editor === true) return (await import('../terminal/editor.ts')).editText(context.environment);
  if (!context.stdin.isTTY) return readText(context.stdin, 'the standard input');
  const { askSecret } = await import('../terminal/prompts.ts');
  return askSecret(title, context.terminal);
}

/** Reads a file, which may also be a pipe such as `/dev/fd/3`. */
async function readFile(path: string): Promise<string> {
  try {
    return await readText(createReadStream(path), path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new CommandError(exitCodes.error, `${path} cannot be read: ${String(error.code)}`);
  }
}
