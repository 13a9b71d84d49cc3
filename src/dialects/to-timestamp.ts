import type { Timestamp } from '@bufbuild/protobuf/wkt';

/** Makes the message of a time: as protobuf's `timestampFromDate` does, but as a plain object at once. */
export function toTimestamp(time: Date): Timestamp {
  const ms = time.getTime();
  const seconds = Math.floor(ms / 1_000);
  return {
    $typeName: 'google.protobuf.Timestamp',
    seconds: BigInt(seconds),
    nanos: (ms - seconds * 1_000) * 1_000_000,
  };
}
