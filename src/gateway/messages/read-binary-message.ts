import { fromBinary, type DescMessage, type Message } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { readBinaryStruct } from './read-binary-struct.ts';
import { createRecordLimit } from './record-limit.ts';
import { structFieldsOf, type StructField } from './struct-fields.ts';

/**
 * Reads a message of protobuf's binary format; throws what `fromBinary` throws, and RangeError for more records than any request
 * needs. Fields that are not known are dropped.
 */
export type BinaryMessageReader = (bytes: Uint8Array) => Message;

/** Compiles the reader of a message. @see https://protobuf.dev/programming-guides/encoding/ */
export function createBinaryMessageReader(schema: DescMessage): BinaryMessageReader {
  const limit = createRecordLimit(schema);
  const read = compile(schema, structFieldsOf(schema));
  return (bytes) => {
    limit(bytes);
    return read(bytes);
  };
}

interface Part {
  readonly localName: string;
  readonly read: (bytes: Uint8Array) => unknown;
}

/** Nobody reads unknown fields, and a message may hold hundreds of thousands. */
const options = { readUnknownFields: false } as const;

function compile(schema: DescMessage, fields: readonly StructField[]): BinaryMessageReader {
  if (fields.length === 0) return (bytes) => fromBinary(schema, bytes, options);
  const parts = new Map(fields.map((one) => [one.field.number, compilePart(one)]));
  return (bytes) => {
    const { rest, found } = split(bytes, parts);
    const message = fromBinary(schema, rest, options);
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

/** A part that comes several times is one: what is written one after the other is merged by being read so. */
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
