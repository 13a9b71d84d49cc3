import { invalidArgument } from '../../vault/errors.ts';
import { parseTime } from '../../vault/time.ts';

const isoPattern =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2}))?)?$/;

/**
 * Reads an ISO 8601 date or time as MiniFlow's clients send it: seconds may be missing, a time without an offset is UTC, and a
 * date alone begins at midnight. What is finer than a millisecond is dropped. Empty means never.
 *
 * @throws VaultError `invalid_argument`
 * @see https://docs.python.org/3/library/datetime.html#datetime.datetime.fromisoformat
 */
export function parseExpiry(text: string | undefined): Date | null {
  if (text === undefined || text === '') return null;
  const [, date = '', minutes = '00:00', seconds = '00', fraction = '0', sign = '+', hours = '00', rest = '00'] =
    isoPattern.exec(text) ?? [];
  const time = parseTime(`${date}T${minutes}:${seconds}.${fraction}${sign}${hours}:${rest}`);
  if (!time) throw invalidArgument('expires_at', 'must be an ISO 8601 time of the years 1 to 9999');
  return time;
}
