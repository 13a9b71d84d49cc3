import { StartRefusal } from '../../run/start-refusal.ts';
import { CommandError } from './command-error.ts';

/** A refusal as an error of the command; any other error as it is. */
export function asCommandError(error: unknown): unknown {
  return error instanceof StartRefusal ? new CommandError(error.exitCode, error.message) : error;
}
