import { usageError } from '../errors/command-error.ts';

/** Variables by which a value would run programs of its choice in the command that gets them. */
const dangerous = /^(PATH|NODE_OPTIONS|LD_.*|DYLD_.*)$/i;

/** Whether a variable of this name changes how programs are found or loaded. Case does not matter, as on Windows. */
export function isDangerousVariable(name: string): boolean {
  return dangerous.test(name);
}

/**
 * Checks the name of a variable for shells and the C library.
 *
 * @throws CommandError for a name that shells do not take
 */
export function checkVariableName(name: string, origin: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw usageError(`${origin} makes no name of a variable: add a --prefix of letters and underscores`);
}
