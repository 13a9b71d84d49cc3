import { parseArgs } from 'node:util';
import { parseTime } from '../vault/time.ts';
import { UsageError } from './usage-error.ts';

const timePattern = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

/**
 * Reads options whose values are times, such as `--before 2024-01-01` or `--before=2024-01-01T09:30:00+02:00`. A date alone is
 * its first moment in UTC, and what is finer than a millisecond is dropped. Options that are not given are absent.
 *
 * @throws UsageError
 * @see https://www.rfc-editor.org/rfc/rfc3339
 */
export function timeOptions<Name extends string>(
  parameters: readonly string[],
  names: readonly Name[],
): Readonly<Partial<Record<Name, Date>>> {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' } as const]));
  const given = new Map(Object.entries(parse(parameters, options)));
  const times: Partial<Record<Name, Date>> = {};
  for (const name of names) {
    const text = given.get(name);
    if (text !== undefined) times[name] = readTime(name, text);
  }
  return times;
}

function parse(parameters: readonly string[], options: Record<string, { readonly type: 'string' }>) {
  try {
    return parseArgs({ args: [...parameters], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function readTime(name: string, text: unknown): Date {
  const [, day = '', minutes = '00:00', seconds = ':00', offset = 'Z'] = timePattern.exec(String(text)) ?? [];
  const time = parseTime(`${day}T${minutes}${seconds}${offset}`);
  if (time) return time;
  throw new UsageError(`--${name} takes a time such as 2024-01-01 or 2024-01-01T09:30:00Z`);
}
