import type { Readable, Writable } from 'node:stream';
import { CommandError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';

/** The terminal on which questions are asked. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
}

/** A choice of a question. */
export interface Choice<Value extends string> {
  readonly value: Value;
  readonly label: string;
}

/** Asks for a secret. What is typed is not shown, not even its length. */
export async function askSecret(message: string, terminal: Terminal): Promise<string> {
  const { password, isCancel } = await import('@clack/prompts');
  const answer = await password({ ...terminal, message, mask: '' });
  if (isCancel(answer)) throw interrupted();
  // The prompt answers undefined for no input at all.
  return answer ?? '';
}

/** Asks for a text, which is shown. */
export async function askText(message: string, terminal: Terminal): Promise<string> {
  const { text, isCancel } = await import('@clack/prompts');
  const answer = await text({ ...terminal, message });
  if (isCancel(answer)) throw interrupted();
  return answer ?? '';
}

/** Lets the user choose. */
export async function askChoice<Value extends string>(
  message: string,
  choices: readonly Choice<Value>[],
  terminal: Terminal,
): Promise<Value> {
  const { select, isCancel } = await import('@clack/prompts');
  const answer = await select<string>({ ...terminal, message, options: choices.map((choice) => ({ ...choice })) });
  const chosen = choices.find(({ value }) => value === answer);
  if (isCancel(answer) || chosen === undefined) throw interrupted();
  return chosen.value;
}

function interrupted(): CommandError {
  return new CommandError(exitCodes.interrupted, 'canceled');
}
