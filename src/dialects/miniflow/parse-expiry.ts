import { invalidArgument } from '../../vault/errors.ts';

const isoPattern =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,3})\d*)?)?(?:[Zz]|([+-])(\d{2}):?(\d{2}))?)?$/;

/**
 * Reads an ISO 8601 date or time as MiniFlow's clients send it: seconds may be missing, a time without an offset is UTC, and a
 * date alone begins at midnight. What is finer than a millisecond is dropped. Empty means never.
 *
 * @throws VaultError `invalid_argument`
 * @see https://docs.python.org/3/library/datetime.html#datetime.datetime.fromisoformat
 */
export function parseExpiry(text: string | undefined): Date | null {
  if (text === undefined || text === '') return null;
  const [, date = '', minutes = '00:00', seconds = '00', fraction = '', sign = '+', hours = '0', rest = '0'] =
    isoPattern.exec(text) ?? [];
  const local = new Date(`${date}T${minutes}:${seconds}.${fraction.padEnd(3, '0')}Z`);
  // A day that the month does not have would roll over into the next one.
  const isReal = !Number.isNaN(local.getTime()) && local.toISOString().startsWith(date);
  if (date === '' || !isReal || Number(hours) > 23 || Number(rest) > 59) {
    throw invalidArgument('expires_at', 'must be an ISO 8601 time');
  }
  const offsetMs = (Number(hours) * 60 + Number(rest)) * 60_000;
  return new Date(local.getTime() - (sign === '-' ? -offsetMs : offsetMs));
}
