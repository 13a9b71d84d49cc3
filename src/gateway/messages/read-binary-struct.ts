import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import { limits } from '../../vault/limits.ts';

type Members = Record<string, JsonValue>;

/** What a `google.protobuf.Value` holds so far: of several kinds the last counts, and objects and lists of several pieces are one. */
interface Held {
  scalar: JsonValue;
  members: Members | undefined;
  items: JsonValue[] | undefined;
}

/**
 * Reads the bytes of a `google.protobuf.Struct` as JSON.
 *
 * @throws Error for what is none, for objects and lists that are nested more than 64 deep, and for more members and items than
 *   JSON of `limits.jsonMarks` has
 * @see https://protobuf.dev/reference/protobuf/google.protobuf/#struct
 */
export function readBinaryStruct(bytes: Uint8Array): JsonObject {
  const reader = new StructReader(bytes);
  const members: Members = {};
  readMembers(reader, reader.len, members, 1);
  return members;
}

/** A member of JSON has a comma and a colon; an item of a list, and an object or list itself, have one mark. */
const marks = { member: 2, item: 1, container: 1 } as const;

class StructReader extends BinaryReader {
  #marks = 0;

  /** @throws RangeError where there are more marks than JSON may have */
  count(added: number): void {
    this.#marks += added;
    if (this.#marks > limits.jsonMarks) throw new RangeError('the Struct has too many values');
  }
}

const numbers = { fields: 1, key: 1, memberValue: 2, values: 1 } as const;
const kinds = { null: 1, number: 2, string: 3, boolean: 4, object: 5, list: 6 } as const;

function readMembers(reader: StructReader, end: number, members: Members, depth: number): void {
  readRecords(reader, end, (number, wireType) => {
    if (number !== numbers.fields || wireType !== WireType.LengthDelimited) return false;
    reader.count(marks.member);
    readMember(reader, endOf(reader), members, depth);
    return true;
  });
}

function readMember(reader: StructReader, end: number, members: Members, depth: number): void {
  let name = '';
  const held = nothingHeld();
  readRecords(reader, end, (number, wireType) => {
    if (wireType !== WireType.LengthDelimited) return false;
    if (number === numbers.key) name = reader.string(true);
    else if (number === numbers.memberValue) readValue(reader, endOf(reader), held, depth);
    else return false;
    return true;
  });
  setMember(members, name, valueOf(held));
}

/** The name `__proto__` would set the prototype; it is refused later, by its name. */
function setMember(members: Members, name: string, value: JsonValue): void {
  if (name !== '__proto__') members[name] = value;
  else Object.defineProperty(members, name, { value, configurable: true, enumerable: true, writable: true });
}

function readItems(reader: StructReader, end: number, items: JsonValue[], depth: number): void {
  readRecords(reader, end, (number, wireType) => {
    if (number !== numbers.values || wireType !== WireType.LengthDelimited) return false;
    reader.count(marks.item);
    const held = nothingHeld();
    readValue(reader, endOf(reader), held, depth);
    items.push(valueOf(held));
    return true;
  });
}

function readValue(reader: StructReader, end: number, held: Held, depth: number): void {
  readRecords(reader, end, (number, wireType) => {
    if (wireType !== wireTypes[number]) return false;
    if (number === kinds.object || number === kinds.list) readContainer(reader, number, held, depth + 1);
    else hold(held, { scalar: readScalar(reader, number) });
    return true;
  });
}

/** By the numbers of a Value's fields. */
const wireTypes: Readonly<Record<number, WireType>> = {
  [kinds.null]: WireType.Varint,
  [kinds.number]: WireType.Bit64,
  [kinds.string]: WireType.LengthDelimited,
  [kinds.boolean]: WireType.Varint,
  [kinds.object]: WireType.LengthDelimited,
  [kinds.list]: WireType.LengthDelimited,
};

function readScalar(reader: StructReader, number: number): JsonValue {
  if (number === kinds.number) return reader.double();
  if (number === kinds.string) return reader.string(true);
  if (number === kinds.boolean) return reader.bool();
  reader.int32();
  return null;
}

function readContainer(reader: StructReader, number: number, held: Held, depth: number): void {
  if (depth > limits.jsonDepth) throw new Error('the Struct is nested too deep');
  reader.count(marks.container);
  const end = endOf(reader);
  if (number === kinds.object) {
    const members = held.members ?? {};
    readMembers(reader, end, members, depth);
    hold(held, { members });
  } else {
    const items = held.items ?? [];
    readItems(reader, end, items, depth);
    hold(held, { items });
  }
}

function nothingHeld(): Held {
  return { scalar: null, members: undefined, items: undefined };
}

function hold(held: Held, { scalar = null, members, items }: Partial<Held>): void {
  held.scalar = scalar;
  held.members = members;
  held.items = items;
}

function valueOf({ scalar, members, items }: Held): JsonValue {
  return members ?? items ?? scalar;
}

/** Reads records up to an end; those that `read` does not take are skipped. */
function readRecords(reader: StructReader, end: number, read: (number: number, wireType: WireType) => boolean): void {
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (!read(number, wireType)) reader.skip(wireType, number, limits.jsonDepth);
  }
  if (reader.pos !== end) throw new RangeError('premature end');
}

/** Where what begins with its length ends. */
function endOf(reader: BinaryReader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('premature end');
  return end;
}
