import { parseEnv } from 'node:util';
import { CommandError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { printableJson } from '../output/terminal-text.ts';

/** Writes variables in a format. */
type VariableFormat = (variables: ReadonlyMap<string, string>) => string;

/** The formats of `export`. */
export const variableFormats = {
  /** Commands of a POSIX shell. */
  env: (variables) =>
    formatLines(variables, (name, value) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'`),
  /** A `.env` file. */
  dotenv: (variables) => formatLines(variables, formatDotenv),
  /** One JSON object. */
  json: (variables) => `${printableJson(Object.fromEntries(variables))}\n`,
  /** A file for `docker run --env-file`, which has no quotes and no escapes. */
  docker: (variables) => formatLines(variables, formatDocker),
} as const satisfies Readonly<Record<string, VariableFormat>>;

/** The name of a format. */
export type VariableFormatName = keyof typeof variableFormats;

/** The names of all formats. */
export const variableFormatNames = Object.keys(variableFormats);

function formatLines(variables: ReadonlyMap<string, string>, format: (name: string, value: string) => string): string {
  return [...variables].map(([name, value]) => `${format(name, value)}\n`).join('');
}

/** Values that need no quotes in any implementation. */
const plain = /^[A-Za-z0-9_./:@%+,=-]*$/;

/**
 * A line of a `.env` file. Implementations differ in their escapes, so the value is put between quotes that it does not contain.
 *
 * @see https://nodejs.org/api/environment_variables.html#dotenv
 */
function formatDotenv(name: string, value: string): string {
  const quotes = ["'", '"', '`'].filter((quote) => !value.includes(quote) && !value.endsWith('\\'));
  const candidates = plain.test(value) ? [value] : quotes.map((quote) => quote + value + quote);
  const line = candidates.map((text) => `${name}=${text}`).find((text) => isReadAs(text, name, value));
  if (line !== undefined) return line;
  throw unwritable(name, 'a .env file: it contains all kinds of quotes, or a carriage return');
}

/** Whether Node and the package dotenv read the line back. The latter also turns `\n` and `\r` within double quotes. */
function isReadAs(line: string, name: string, value: string): boolean {
  const isExpanded = line.startsWith(`${name}="`) && /[\\$]/.test(value);
  return !isExpanded && !value.includes('\r') && parseEnv(line)[name] === value;
}

function formatDocker(name: string, value: string): string {
  if (/[\r\n]/.test(value)) throw unwritable(name, 'a file of Docker: it has several lines');
  return `${name}=${value}`;
}

function unwritable(name: string, where: string): CommandError {
  return new CommandError(exitCodes.error, `the value of ${name} cannot be written to ${where}. Use another --format`);
}
