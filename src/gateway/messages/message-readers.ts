import { fromBinary, fromJson } from '@bufbuild/protobuf';
import type { DescField, DescMessage, JsonReadOptions, Message } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import assert from 'node:assert/strict';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import { limits } from '../../vault/limits.ts';
import { isReadableByProtobuf } from '../request/json-guard.ts';
import { readBinaryStruct } from './read-binary-struct.ts';

/** A field of a message that is a `google.protobuf.Struct`, or a message with such fields. */
interface StructField {
  readonly field: DescField;
  /** The Structs of the message; undefined if the field is a Struct itself. */
  readonly below: readonly StructField[] | undefined;
}

/**
 * Finds the Structs of a message. The readers represent them by JSON objects; protobuf's own readers create a message for each of
 * their values, at twelve times the cost. Structs in lists, maps, oneofs and recursive messages are left to protobuf's readers.
 */
function structFieldsOf(message: DescMessage, within: readonly DescMessage[] = []): readonly StructField[] {
  if (within.includes(message)) return [];
  return message.fields.flatMap((field): StructField[] => {
    if (field.fieldKind !== 'message' || field.oneof) return [];
    if (field.message.typeName === 'google.protobuf.Struct') return [{ field, below: undefined }];
    if (field.message.typeName.startsWith('google.protobuf.')) return [];
    const below = structFieldsOf(field.message, [...within, message]);
    return below.length === 0 ? [] : [{ field, below }];
  });
}

/** Reads a message from JSON, and throws what `fromJson` throws. The JSON of a Struct is kept, not copied. */
export type JsonMessageReader = (json: JsonValue) => Message;

/** Compiles the reader of a message type. @see https://protobuf.dev/programming-guides/json/ */
export function createJsonMessageReader(schema: DescMessage, options: Partial<JsonReadOptions>): JsonMessageReader {
  const fields = structFieldsOf(schema);
  return (json) => {
    const lifted = isJsonObject(json) ? liftStructs(json, fields) : undefined;
    const rest = lifted?.rest ?? json;
    assert(isReadableByProtobuf(rest));
    const message = fromJson(schema, rest, options);
    for (const put of lifted?.puts ?? []) put(message);
    return message;
  };
}

interface Lifted {
  /** The JSON for protobuf's reader. */
  readonly rest: JsonObject;
  /** Each puts one Struct into the message. */
  readonly puts: readonly ((message: object) => void)[];
}

/** Undefined if there is no Struct. */
function liftStructs(json: JsonObject, fields: readonly StructField[]): Lifted | undefined {
  let rest: Record<string, JsonValue> | undefined;
  const puts: Lifted['puts'][number][] = [];
  for (const { field, below } of fields) {
    const name = nameIn(json, field);
    const value = name === undefined ? undefined : json[name];
    if (name === undefined || !isJsonObject(value)) continue;
    const lifted = below && liftStructs(value, below);
    if (below && !lifted) continue;
    rest ??= { ...json };
    if (lifted) rest[name] = lifted.rest;
    else delete rest[name];
    puts.push((message) => {
      if (!lifted) Reflect.set(message, field.localName, value);
      else for (const put of lifted.puts) put(nested(message, field.localName));
    });
  }
  return rest && { rest, puts };
}

/** The name by which a field was sent; undefined if by neither name, or by both, which protobuf's reader refuses. */
function nameIn(json: JsonObject, { name, jsonName }: DescField): string | undefined {
  const isNamed = Object.hasOwn(json, name);
  if (name === jsonName) return isNamed ? name : undefined;
  const isJsonNamed = Object.hasOwn(json, jsonName);
  if (isNamed === isJsonNamed) return undefined;
  return isNamed ? name : jsonName;
}

function nested(message: object, localName: string): object {
  const value: unknown = Reflect.get(message, localName);
  assert(typeof value === 'object' && value !== null);
  return value;
}

/**
 * Reads a message from protobuf's binary format. It throws what `fromBinary` throws, and RangeError for more records than any
 * request needs. Unknown fields are dropped.
 */
export type BinaryMessageReader = (bytes: Uint8Array) => Message;

/** Compiles the reader of a message type. @see https://protobuf.dev/programming-guides/encoding/ */
export function createBinaryMessageReader(schema: DescMessage): BinaryMessageReader {
  const checkRecords = createRecordLimit(schema);
  const read = compile(schema, structFieldsOf(schema));
  return (bytes) => {
    checkRecords(bytes);
    return read(bytes);
  };
}

interface Part {
  readonly localName: string;
  readonly read: (bytes: Uint8Array) => unknown;
}

/** Unknown fields are not kept: no code reads them, and a message may contain hundreds of thousands. */
export const binaryOptions = { readUnknownFields: false } as const;

function compile(schema: DescMessage, fields: readonly StructField[]): BinaryMessageReader {
  if (fields.length === 0) return (bytes) => fromBinary(schema, bytes, binaryOptions);
  const parts = new Map(fields.map((one) => [one.field.number, compilePart(one)]));
  return (bytes) => {
    const { rest, found } = split(bytes, parts);
    const message = fromBinary(schema, rest, binaryOptions);
    for (const [number, pieces] of found) {
      const part = parts.get(number);
      if (part) Reflect.set(message, part.localName, part.read(join(pieces)));
    }
    return message;
  };
}

function compilePart({ field, below }: StructField): Part {
  const { localName, message } = field;
  return { localName, read: below && message ? compile(message, below) : readBinaryStruct };
}

/** A field that occurs several times is merged by reading its concatenated pieces. */
function split(bytes: Uint8Array, parts: ReadonlyMap<number, Part>) {
  const reader = new BinaryReader(bytes);
  const rest: Uint8Array[] = [];
  const found = new Map<number, Uint8Array[]>();
  let restFrom = 0;
  while (reader.pos < reader.len) {
    const from = reader.pos;
    const [number, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited || !parts.has(number)) {
      reader.skip(wireType, number, groupsMax);
      continue;
    }
    if (from > restFrom) rest.push(bytes.subarray(restFrom, from));
    const pieces = found.get(number) ?? [];
    pieces.push(reader.bytes());
    found.set(number, pieces);
    restFrom = reader.pos;
  }
  if (restFrom < bytes.length) rest.push(bytes.subarray(restFrom));
  return { rest: join(rest), found };
}

/** How deep groups of unknown fields may be nested. */
const groupsMax = 64;

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  return first && pieces.length === 1 ? first : Buffer.concat(pieces);
}

/** Fewer bytes cannot contain more records than allowed, and are not scanned. */
const scannedBytesMin = 2 * limits.jsonMarks;
/** An entry of a map has a key and a value. */
const recordsOfEntry = 3;

type FieldsByNumber = ReadonlyMap<number, DescField>;

/**
 * Compiles a check that refuses bytes with more records than any request needs, before they become values, which take a multiple
 * of their memory and time. Records within Structs are counted by the reader of Structs.
 */
function createRecordLimit(schema: DescMessage): (bytes: Uint8Array) => void {
  const compiled = new Map<DescMessage, FieldsByNumber>();
  const fieldsOf = (message: DescMessage): FieldsByNumber => {
    const known = compiled.get(message);
    if (known) return known;
    const fields = new Map(message.fields.map((field) => [field.number, field]));
    compiled.set(message, fields);
    return fields;
  };
  return (bytes) => {
    if (bytes.length < scannedBytesMin) return;
    const reader = new BinaryReader(bytes);
    if (countRecords(reader, reader.len, schema, fieldsOf) > limits.jsonMarks) throw new RangeError('too many records');
  };
}

/** Stops as soon as there are too many. */
function countRecords(
  reader: BinaryReader,
  end: number,
  schema: DescMessage,
  fieldsOf: (message: DescMessage) => FieldsByNumber,
): number {
  const fields = fieldsOf(schema);
  let records = 0;
  while (reader.pos < end && records <= limits.jsonMarks) {
    const [number, wireType] = reader.tag();
    const field = fields.get(number);
    records += field?.fieldKind === 'map' ? recordsOfEntry : 1;
    const message = field && wireType === WireType.LengthDelimited ? countedMessageOf(field) : undefined;
    if (message) records += countRecords(reader, reader.uint32() + reader.pos, message, fieldsOf);
    else reader.skip(wireType, number, limits.jsonDepth);
  }
  return records;
}

function countedMessageOf(field: DescField): DescMessage | undefined {
  const message = field.fieldKind === 'map' ? undefined : field.message;
  return message?.typeName === 'google.protobuf.Struct' ? undefined : message;
}
