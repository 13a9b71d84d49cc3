import type { CofferErrorCode } from '../../errors/errors.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable } from '../output/terminal-text.ts';

/** A failure that the command has found itself, with its exit code. The message never contains a secret. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  /** The code that a server reports for the same. */
  readonly code: CofferErrorCode | undefined;

  constructor(exitCode: ExitCode, message: string, code?: CofferErrorCode) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.code = code;
  }
}

/** The command line, a setting or an input is wrong: exit code 2. */
export function usageError(message: string): CommandError {
  return new CommandError(exitCodes.usage, message, 'invalid_argument');
}

/** No credential has the id or the name, or the caller may not see it. */
export class AbsentCredentialError extends CommandError {
  constructor(reference: string) {
    super(exitCodes.absent, `there is no credential ${printable(reference)}`, 'not_found');
  }
}
