import type { CommanderError } from 'commander';
import { usageError, type CommandError } from './command-error.ts';

/** Whether help or the version was printed, which commander reports as an error, too. */
export function isHelp({ code }: CommanderError): boolean {
  return ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(code);
}

/**
 * An error of the command line without the arguments that it quotes: a user who takes an argument for the place of a secret
 * shall not find it in a log.
 */
export function describeUsage({ code, message }: CommanderError): CommandError {
  return usageError(
    `${withoutValues(code, message)} (coffer help shows the commands, coffer COMMAND --help one of them)`,
  );
}

function withoutValues(code: string, message: string): string {
  const text = message.replace(/^error: /, '');
  if (code === 'commander.excessArguments') return text.replace(/\. Expected .*/s, '; a secret is never one');
  return text
    .replace(/(option '[^']*') argument '.*' is invalid/s, '$1 is invalid')
    .replace(/command-argument value '.*' is invalid for argument/s, 'invalid argument')
    .replace(/(unknown option '[^'=]*)=.*/s, "$1'");
}
