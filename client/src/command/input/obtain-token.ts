import { usageError } from '../errors/command-error.ts';
import type { CommandContext } from '../context/context.ts';
import { readText, withoutFinalNewline } from '../terminal/read-text.ts';

/** How a user logs in. */
export interface TokenOptions {
  /** The name of the user whose password is exchanged for a session. */
  readonly user?: string | undefined;
  /** Whether the token is read from the standard input. */
  readonly tokenStdin?: boolean | undefined;
}

/**
 * Obtains a token for a login: reads it, or exchanges a password for it. Without a choice, a terminal is asked for one.
 *
 * @throws CommandError for an empty token or password, and without a choice where there is no terminal
 */
export async function obtainToken(
  context: CommandContext,
  url: string,
  { user, tokenStdin }: TokenOptions,
): Promise<string> {
  if (tokenStdin === true) return readSecret(context, 'API key or token');
  if (user !== undefined) return exchangePassword(context, url, user);
  if (!context.stdin.isTTY) throw usageError('without a terminal, --token-stdin or --user is required');
  const { askChoice, askText } = await import('../terminal/prompts.ts');
  const choices = [
    { value: 'token', label: 'API key or another token' },
    { value: 'user', label: 'user and password' },
  ] as const;
  const choice = await askChoice(`Log in at ${url} with`, choices, context.terminal);
  if (choice === 'token') return readSecret(context, 'API key or token');
  return exchangePassword(context, url, await askText('User', context.terminal));
}

async function exchangePassword(context: CommandContext, url: string, user: string): Promise<string> {
  const password = await readSecret(context, `Password of ${user}`);
  const { token } = await context.connect(url).coffer.access.login({ user, password });
  return token;
}

/** Asks on a terminal, and reads the standard input otherwise. */
async function readSecret(context: CommandContext, title: string): Promise<string> {
  const text = context.stdin.isTTY
    ? await (await import('../terminal/prompts.ts')).askSecret(title, context.terminal)
    : withoutFinalNewline(await readText(context.stdin, 'the standard input'));
  if (text === '') throw usageError(`no ${title.toLowerCase()} was entered`);
  return text;
}
