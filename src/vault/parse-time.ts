/** 0001-01-01T00:00:00Z, in milliseconds. */
const earliestMs = -62_135_596_800_000;
/** 10000-01-01T00:00:00Z, in milliseconds. */
const endMs = 253_402_300_800_000;

/** `2024-01-02T03:04:05.678+01:00`; the letters may be small. */
const rfc3339 =
  /^(\d{4}-\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/i;

/** Tells whether a time lies in the years 1 to 9999: what RFC 3339, PostgreSQL and protobuf agree on. */
export function isStorableTime(time: Date): boolean {
  const ms = time.getTime();
  return ms >= earliestMs && ms < endMs;
}

/**
 * Reads a time of RFC 3339, truncated to the millisecond toward the past. The hour 24, leap seconds and days that the month
 * does not have are refused, since a time stands for one moment only.
 *
 * @returns undefined for anything else, and for what is outside of the years 1 to 9999
 * @see https://www.rfc-editor.org/rfc/rfc3339#section-5.6
 */
export function parseTime(text: string): Date | undefined {
  const [all, month = '', day = '', , fraction = '', sign, hours = '0', minutes = '0'] = rfc3339.exec(text) ?? [];
  if (all === undefined) return undefined;
  // The seconds of the local time, as if it were UTC.
  const local = new Date(`${text.slice(0, 'yyyy-mm-ddThh:mm:ss'.length).toUpperCase()}Z`);
  // A day that the month does not have would become one of the next month.
  if (Number.isNaN(local.getTime()) || !local.toISOString().startsWith(`${month}-${day}`)) return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
  const fractionMs = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const time = new Date(local.getTime() + fractionMs - (sign === '-' ? -offsetMs : offsetMs));
  return isStorableTime(time) ? time : undefined;
}
