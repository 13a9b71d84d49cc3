/** The years 1 to 9999, which are all that is ever stored, in milliseconds. */
const earliestMs = Date.parse('0001-01-01T00:00:00Z');
const latestMs = Date.parse('9999-12-31T23:59:59.999Z');

/** Whether a time can be shown: somebody else may have stored `infinity`, or a year before Christ. */
export function isReadableTime(time: Date): boolean {
  const ms = time.getTime();
  return ms >= earliestMs && ms <= latestMs;
}

/** A time that is only a hint; null where it cannot be shown. */
export function readableTime(time: Date | null | undefined): Date | null {
  return time && isReadableTime(time) ? time : null;
}

/** A count that is only a hint, brought to what can be shown. */
export function readableCount(count: number): number {
  return Math.min(Math.max(count, 0), Number.MAX_SAFE_INTEGER);
}

/** Whether nothing in a row is a time or a number that cannot be shown. */
export function isReadableRow(row: object): boolean {
  return Object.values(row).every(
    (value) =>
      (!(value instanceof Date) || isReadableTime(value)) && (typeof value !== 'number' || Number.isSafeInteger(value)),
  );
}
