import { parseArgs } from 'node:util';
import { parseTime } from '../vault/time.ts';
import { UsageError } from './usage.ts';

type OptionTypes = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;

/**
 * Parses the options of a command, such as `--out FILE` or `--out=FILE`. Options that are not given are absent.
 *
 * @throws UsageError for an unknown option, a missing value, or a parameter that is no option
 */
export function parseOptions<const Options extends OptionTypes>(parameters: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...parameters], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

const timePattern = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

/**
 * Parses an option whose value is a time, such as `2024-01-01` or `2024-01-01T09:30:00+02:00`. A date without a time means
 * its first moment in UTC, and fractions of a millisecond are dropped.
 *
 * @returns undefined where the option is not given
 * @throws UsageError
 * @see https://www.rfc-editor.org/rfc/rfc3339
 */
export function parseTimeOption(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const [, day = '', minutes = '00:00', seconds = ':00', offset = 'Z'] = timePattern.exec(text) ?? [];
  const time = parseTime(`${day}T${minutes}${seconds}${offset}`);
  if (time) return time;
  throw new UsageError(`--${name} takes a time such as 2024-01-01 or 2024-01-01T09:30:00Z`);
}
