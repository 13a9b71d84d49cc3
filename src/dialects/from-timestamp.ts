import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { invalidArgument } from '../vault/errors.ts';
import { isStorableTime } from '../vault/parse-time.ts';

const nanosMax = 999_999_999;

/**
 * Reads a timestamp, truncated to the millisecond toward the past.
 *
 * @param field for the refusal
 * @throws VaultError `invalid_argument` outside of the years 1 to 9999, and for nanoseconds that are more than a second
 * @see https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp
 */
export function fromTimestamp(field: string, { seconds, nanos }: Timestamp): Date {
  const time = new Date(Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000));
  if (!isStorableTime(time) || nanos < 0 || nanos > nanosMax) {
    throw invalidArgument(field, 'must be a time of the years 1 to 9999');
  }
  return time;
}
