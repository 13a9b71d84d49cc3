import { fromJson, type JsonObject as StructInit, type JsonValue as StructValue } from '@bufbuild/protobuf';
import { ValueSchema, type Timestamp, type Value } from '@bufbuild/protobuf/wkt';
import { invalidArgument } from '../../vault/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import { isStorableTime } from '../../vault/time.ts';

const nanosMax = 999_999_999;

/** Copies a read-only JSON object of the vault into a mutable one, as a `google.protobuf.Struct` field requires. */
export function toStruct(object: JsonObject): StructInit {
  return Object.fromEntries(Object.entries(object).map(([name, member]) => [name, toValue(member)]));
}

/** Converts a JSON value into the message of a `google.protobuf.Value` field. */
export function toValueMessage(value: JsonValue): Value {
  return fromJson(ValueSchema, toValue(value));
}

function toValue(value: JsonValue): StructValue {
  if (isJsonObject(value)) return toStruct(value);
  return typeof value === 'object' && value !== null ? value.map(toValue) : value;
}

/** Converts a time as protobuf's `timestampFromDate` does, but builds the object without `create()`: lists hold many. */
export function toTimestamp(time: Date): Timestamp {
  const ms = time.getTime();
  const seconds = Math.floor(ms / 1_000);
  return {
    $typeName: 'google.protobuf.Timestamp',
    seconds: BigInt(seconds),
    nanos: (ms - seconds * 1_000) * 1_000_000,
  };
}

/**
 * Reads a timestamp, truncated to the millisecond toward the past.
 *
 * @param field named in the error
 * @throws VaultError `invalid_argument` outside of the years 1 to 9999, and for nanoseconds outside of 0 to 999,999,999
 * @see https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp
 */
export function fromTimestamp(field: string, { seconds, nanos }: Timestamp): Date {
  const time = new Date(Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000));
  if (!isStorableTime(time) || nanos < 0 || nanos > nanosMax) {
    throw invalidArgument(field, 'must be a time of the years 1 to 9999');
  }
  return time;
}
