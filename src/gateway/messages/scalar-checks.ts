import { fromJson, ScalarType, type DescEnum, type DescMessage } from '@bufbuild/protobuf';
import { base64Decode } from '@bufbuild/protobuf/wire';
import { DurationSchema, FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import type { JsonValue } from '../../vault/json.ts';
import { parseTime, formatTime } from '../../vault/time.ts';
import type { Fault } from '../contract/dialect.ts';

/** The rule that a value breaks. */
export type Refusal = Pick<Fault, 'rule' | 'expected'>;

/** Checks one scalar value; returns what `fromJson` takes, or the rule that is broken. */
export type ValueCheck = (value: JsonValue) => { readonly json: JsonValue } | { readonly refusal: Refusal };

/** The check of a scalar type. @see https://protobuf.dev/programming-guides/json/ */
export function scalarCheck(scalar: ScalarType): ValueCheck {
  return scalarChecks[scalar];
}

/** The check of an enum: the name or the number of a value. */
export function enumCheck(enumeration: DescEnum): ValueCheck {
  const names = enumeration.values.map(({ name }) => name);
  const numbers = new Set(enumeration.values.map(({ number }) => number));
  const expected = names.filter((name) => !name.endsWith('UNSPECIFIED'));
  return (value) =>
    (typeof value === 'string' && names.includes(value)) || (typeof value === 'number' && numbers.has(value))
      ? { json: value }
      : { refusal: { rule: 'not_in_enum', expected } };
}

/** The check of a message whose JSON is one string; undefined for any other message. */
export function textMessageCheck(message: DescMessage): ValueCheck | undefined {
  return textMessageChecks[message.typeName];
}

const checkString: ValueCheck = (value) => {
  if (typeof value !== 'string') return refuse('not_string');
  // Half of a surrogate pair has no UTF-8.
  return value.isWellFormed() ? { json: value } : refuse('other');
};

const checkBoolean: ValueCheck = (value) => (typeof value === 'boolean' ? { json: value } : refuse('not_boolean'));

const checkBytes: ValueCheck = (value) => {
  if (typeof value !== 'string') return refuse('not_string');
  return accepts(() => base64Decode(value)) ? { json: value } : refuse('other');
};

const floatMax = 3.4028234663852886e38;

const scalarChecks: Readonly<Record<ScalarType, ValueCheck>> = {
  [ScalarType.STRING]: checkString,
  [ScalarType.BOOL]: checkBoolean,
  [ScalarType.BYTES]: checkBytes,
  [ScalarType.DOUBLE]: numberCheck(Number.MAX_VALUE),
  [ScalarType.FLOAT]: numberCheck(floatMax),
  [ScalarType.INT32]: integerCheck(-(2n ** 31n), 2n ** 31n - 1n),
  [ScalarType.SINT32]: integerCheck(-(2n ** 31n), 2n ** 31n - 1n),
  [ScalarType.SFIXED32]: integerCheck(-(2n ** 31n), 2n ** 31n - 1n),
  [ScalarType.UINT32]: integerCheck(0n, 2n ** 32n - 1n),
  [ScalarType.FIXED32]: integerCheck(0n, 2n ** 32n - 1n),
  [ScalarType.INT64]: integerCheck(-(2n ** 63n), 2n ** 63n - 1n),
  [ScalarType.SINT64]: integerCheck(-(2n ** 63n), 2n ** 63n - 1n),
  [ScalarType.SFIXED64]: integerCheck(-(2n ** 63n), 2n ** 63n - 1n),
  [ScalarType.UINT64]: integerCheck(0n, 2n ** 64n - 1n),
  [ScalarType.FIXED64]: integerCheck(0n, 2n ** 64n - 1n),
};

const textMessageChecks: Readonly<Record<string, ValueCheck>> = {
  'google.protobuf.Timestamp': checkTimestamp,
  'google.protobuf.Duration': (value) =>
    typeof value === 'string' && accepts(() => fromJson(DurationSchema, value)) ? { json: value } : refuse('other'),
  'google.protobuf.FieldMask': checkFieldMask,
};

/** An integer, or its decimal digits as a string. */
function integerCheck(least: bigint, greatest: bigint): ValueCheck {
  return (value) => {
    const whole = integerOf(value);
    if (whole === undefined) return refuse('not_integer');
    if (whole < least) return refuse('too_small', Number(least));
    if (whole > greatest) return refuse('too_large', Number(greatest));
    return { json: typeof value === 'number' ? value : String(whole) };
  };
}

function integerOf(value: JsonValue): bigint | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && /^-?\d{1,40}$/.test(value) ? BigInt(value) : undefined;
}

function numberCheck(greatest: number): ValueCheck {
  return (value) => {
    const number = typeof value === 'string' && /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number') return refuse('not_number');
    if (number > greatest) return refuse('too_large', greatest);
    if (number < -greatest) return refuse('too_small', -greatest);
    return { json: number };
  };
}

/** Truncated to milliseconds, because the vault stores nothing finer. */
function checkTimestamp(value: JsonValue): ReturnType<ValueCheck> {
  const time = typeof value === 'string' ? parseTime(value) : undefined;
  return time ? { json: formatTime(time) } : refuse('not_timestamp');
}

/** Paths separated by commas. Their names may be in snake_case, which protobuf's reader does not accept. */
function checkFieldMask(value: JsonValue): ReturnType<ValueCheck> {
  if (typeof value !== 'string') return refuse('not_string');
  const paths = value.split(',').map((path) => path.trim());
  const json = paths
    .map((path) => path.replaceAll(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase()))
    .join(',');
  return accepts(() => fromJson(FieldMaskSchema, json)) ? { json } : refuse('other');
}

function refuse(rule: Refusal['rule'], expected?: number): { readonly refusal: Refusal } {
  return { refusal: expected === undefined ? { rule } : { rule, expected } };
}

/** The reader's message is dropped, because it quotes the value. */
function accepts(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
