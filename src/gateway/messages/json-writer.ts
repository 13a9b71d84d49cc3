import assert from 'node:assert/strict';
import {
  isMessage,
  ScalarType,
  toJson,
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
} from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import {
  DurationSchema,
  FieldMaskSchema,
  isWrapperDesc,
  ListValueSchema,
  TimestampSchema,
  timestampDate,
  ValueSchema,
} from '@bufbuild/protobuf/wkt';
import { formatTime } from '../../vault/time.ts';
import type { JsonStyle } from '../contract/dialect.ts';
import { isJson } from '../request/json-guard.ts';
import { fieldReader, wireNameOf } from '../routes/message-fields.ts';

/** Serializes a message, or one value of a field, as JSON text, exactly as `JSON.stringify` would. */
export type JsonWriter = (value: unknown) => string;

/** Creates writers in one style; each message type is compiled once. */
export interface JsonWriters {
  ofMessage(message: DescMessage): JsonWriter;
  /** The writer of the value of one field; an unset field is null in every style. */
  ofField(field: DescField): (message: Message) => string;
}

/** How one field of a message is written. */
interface Member {
  /** Its name with punctuation, as the first member of its object and as a further one. */
  readonly first: string;
  readonly next: string;
  readonly read: (message: object) => unknown;
  readonly write: JsonWriter;
  /** What is written for an unset field; undefined for nothing. */
  readonly unset: string | undefined;
}

/** Creates the writers of a style. @see https://protobuf.dev/programming-guides/json/ */
export function createJsonWriters(style: JsonStyle): JsonWriters {
  const compiled = new Map<DescMessage, JsonWriter>();
  const ofMessage = (message: DescMessage): JsonWriter => {
    const known = compiled.get(message);
    if (known) return known;
    // Entered before its members are compiled, because a type may contain itself.
    const members: Member[] = [];
    const writer = wellKnownWriters[message.typeName]?.(style) ?? writeMembers(members);
    compiled.set(message, writer);
    if (!(message.typeName in wellKnownWriters)) {
      members.push(...message.fields.map((field) => compileMember(field, style, ofMessage)));
    }
    return writer;
  };
  return {
    ofMessage,
    ofField(field) {
      const read = fieldReader(field);
      const write = compileValue(field, style, ofMessage);
      return (message) => {
        const value = read(message);
        return value === undefined ? 'null' : write(value);
      };
    },
  };
}

function writeMembers(members: readonly Member[]): JsonWriter {
  return (message) => {
    assert(typeof message === 'object' && message !== null);
    let text = '';
    for (const { first, next, read, write, unset } of members) {
      const value = read(message);
      const written = value === undefined ? unset : write(value);
      if (written !== undefined) text += (text === '' ? first : next) + written;
    }
    return text === '' ? '{}' : `${text}}`;
  };
}

function compileMember(field: DescField, style: JsonStyle, ofMessage: (message: DescMessage) => JsonWriter): Member {
  const name = quote(wireNameOf(field, style.names));
  return {
    first: `{${name}:`,
    next: `,${name}:`,
    read: fieldReader(field),
    write: compileValue(field, style, ofMessage),
    unset: style.unset === 'null' ? 'null' : undefined,
  };
}

function compileValue(field: DescField, style: JsonStyle, ofMessage: (message: DescMessage) => JsonWriter): JsonWriter {
  // Outside of a oneof, a wrapper is represented by its value.
  if (field.fieldKind === 'message' && isWrapperDesc(field.message) && !field.oneof) {
    return writeScalar(field.message.fields[0].scalar, style);
  }
  const write = elementWriter(field, style, ofMessage);
  if (field.fieldKind === 'list') return writeList(write);
  return field.fieldKind === 'map' ? writeMap(write) : write;
}

function elementWriter(
  field: DescField,
  style: JsonStyle,
  ofMessage: (message: DescMessage) => JsonWriter,
): JsonWriter {
  if (field.message) return messageValue(field.message, ofMessage);
  if (field.enum) return writeEnum(field.enum);
  assert(field.scalar !== undefined);
  return writeScalar(field.scalar, style);
}

function writeList(write: JsonWriter): JsonWriter {
  return (list) => {
    assert(Array.isArray(list));
    let text = '';
    for (const element of list) text += (text === '' ? '[' : ',') + write(element);
    return text === '' ? '[]' : `${text}]`;
  };
}

function writeMap(write: JsonWriter): JsonWriter {
  return (map) => {
    assert(typeof map === 'object' && map !== null);
    let text = '';
    for (const [key, value] of Object.entries(map)) text += `${text === '' ? '{' : ','}${quote(key)}:${write(value)}`;
    return text === '' ? '{}' : `${text}}`;
  };
}

/** A Struct is represented by its JSON object. */
function messageValue(message: DescMessage, ofMessage: (message: DescMessage) => JsonWriter): JsonWriter {
  return message.typeName === 'google.protobuf.Struct' ? writeJson : ofMessage(message);
}

function writeJson(value: unknown): string {
  assert(isJson(value));
  return JSON.stringify(value);
}

/** Text that needs no escapes. Surrogates are excluded, because JSON.stringify escapes unpaired ones. */
const plainText = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

function quote(text: string): string {
  return plainText.test(text) ? `"${text}"` : JSON.stringify(text);
}

function writeEnum(enumeration: DescEnum): JsonWriter {
  if (enumeration.typeName === 'google.protobuf.NullValue') return () => 'null';
  return (value) => {
    assert(typeof value === 'number');
    const known = enumeration.value[value];
    return known ? quote(known.name) : String(value);
  };
}

function writeScalar(scalar: ScalarType, style: JsonStyle): JsonWriter {
  if (scalar === ScalarType.FLOAT || scalar === ScalarType.DOUBLE) return writeFloat;
  return style.int64 === 'number' ? writeWithNumbers : writeWithStrings;
}

/** JSON has no literal for what is not finite. */
function writeFloat(value: unknown): string {
  assert(typeof value === 'number');
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

function writeWithNumbers(value: unknown): string {
  const isNumber = typeof value === 'bigint' && Number.isSafeInteger(Number(value));
  return isNumber ? String(value) : writeWithStrings(value);
}

function writeWithStrings(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'bigint') return `"${value}"`;
  if (value instanceof Uint8Array) return `"${base64Encode(value)}"`;
  assert(typeof value === 'number' || typeof value === 'boolean');
  return String(value);
}

/** The first second of the year 10000. */
const plainSecondsMax = 253_402_300_800n;

/** Messages whose JSON is not an object of their fields. */
const wellKnownWriters: Readonly<Record<string, (style: JsonStyle) => JsonWriter>> = {
  'google.protobuf.Timestamp': ({ timestamp }) => (timestamp === 'milliseconds' ? writeMilliseconds : writeTimestamp),
  ...Object.fromEntries(
    [DurationSchema, FieldMaskSchema, ListValueSchema, ValueSchema].map((schema) => [
      schema.typeName,
      () => (value: unknown) => {
        assert(isMessage(value, schema));
        return JSON.stringify(toJson(schema, value));
      },
    ]),
  ),
  ...Object.fromEntries(
    ['Bool', 'Bytes', 'Double', 'Float', 'Int32', 'Int64', 'String', 'UInt32', 'UInt64'].map((kind) => [
      `google.protobuf.${kind}Value`,
      (style: JsonStyle) => writeWrapper(kind, style),
    ]),
  ),
};

function writeWrapper(kind: string, style: JsonStyle): JsonWriter {
  const write = kind === 'Double' || kind === 'Float' ? writeFloat : writeScalar(ScalarType.STRING, style);
  return (wrapper) => {
    assert(typeof wrapper === 'object' && wrapper !== null);
    return write(Reflect.get(wrapper, 'value'));
  };
}

/** Times in whole milliseconds, the only ones that the vault stores, are formatted without the library, which is slow. */
function writeTimestamp(value: unknown): string {
  assert(isMessage(value, TimestampSchema));
  const { seconds, nanos } = value;
  const isWhole = nanos >= 0 && nanos < 1_000_000_000 && nanos % 1_000_000 === 0;
  const isPlain = isWhole && seconds >= 0n && seconds < plainSecondsMax;
  if (!isPlain) return JSON.stringify(toJson(TimestampSchema, value));
  const text = formatTime(timestampDate(value));
  return nanos === 0 ? `"${text.slice(0, -'.000Z'.length)}Z"` : `"${text}"`;
}

function writeMilliseconds(value: unknown): string {
  assert(isMessage(value, TimestampSchema));
  return `"${formatTime(timestampDate(value))}"`;
}
