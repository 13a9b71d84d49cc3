import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import { limits } from '../../vault/limits.ts';

type Members = Record<string, JsonValue>;

/** The content of a `google.protobuf.Value` so far. Of several kinds the last counts; several objects or lists are merged. */
interface Content {
  scalar: JsonValue;
  members: Members | undefined;
  items: JsonValue[] | undefined;
}

/**
 * Reads the bytes of a `google.protobuf.Struct` as JSON.
 *
 * @throws Error for malformed bytes, for objects and lists nested more than 64 deep, and for more members and items than JSON of
 *   `limits.jsonMarks` has
 * @see https://protobuf.dev/reference/protobuf/google.protobuf/#struct
 */
export function readBinaryStruct(bytes: Uint8Array): JsonObject {
  const reader = new StructReader(bytes);
  const members: Members = {};
  readMembers(reader, reader.len, members, 1);
  return members;
}

/** The punctuation of JSON: a member has a comma and a colon; an item has a comma; an object or list counts as one. */
const marks = { member: 2, item: 1, container: 1 } as const;

class StructReader extends BinaryReader {
  #marks = 0;

  /** @throws RangeError for more marks than JSON may have */
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
  const content = emptyContent();
  readRecords(reader, end, (number, wireType) => {
    if (wireType !== WireType.LengthDelimited) return false;
    if (number === numbers.key) name = reader.string(true);
    else if (number === numbers.memberValue) readValue(reader, endOf(reader), content, depth);
    else return false;
    return true;
  });
  setMember(members, name, valueOf(content));
}

/** An assignment to `__proto__` would set the prototype; a later check refuses the name. */
function setMember(members: Members, name: string, value: JsonValue): void {
  if (name !== '__proto__') members[name] = value;
  else Object.defineProperty(members, name, { value, configurable: true, enumerable: true, writable: true });
}

function readItems(reader: StructReader, end: number, items: JsonValue[], depth: number): void {
  readRecords(reader, end, (number, wireType) => {
    if (number !== numbers.values || wireType !== WireType.LengthDelimited) return false;
    reader.count(marks.item);
    const content = emptyContent();
    readValue(reader, endOf(reader), content, depth);
    items.push(valueOf(content));
    return true;
  });
}

function readValue(reader: StructReader, end: number, content: Content, depth: number): void {
  readRecords(reader, end, (number, wireType) => {
    if (wireType !== wireTypes[number]) return false;
    if (number === kinds.object || number === kinds.list) readContainer(reader, number, content, depth + 1);
    else setContent(content, { scalar: readScalar(reader, number) });
    return true;
  });
}

/** By the field numbers of `google.protobuf.Value`. */
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

function readContainer(reader: StructReader, number: number, content: Content, depth: number): void {
  if (depth > limits.jsonDepth) throw new Error('the Struct is nested too deep');
  reader.count(marks.container);
  const end = endOf(reader);
  if (number === kinds.object) {
    const members = content.members ?? {};
    readMembers(reader, end, members, depth);
    setContent(content, { members });
  } else {
    const items = content.items ?? [];
    readItems(reader, end, items, depth);
    setContent(content, { items });
  }
}

function emptyContent(): Content {
  return { scalar: null, members: undefined, items: undefined };
}

function setContent(content: Content, { scalar = null, members, items }: Partial<Content>): void {
  content.scalar = scalar;
  content.members = members;
  content.items = items;
}

function valueOf({ scalar, members, items }: Content): JsonValue {
  return members ?? items ?? scalar;
}

/** Reads records up to an end, and skips those that `read` does not take. */
function readRecords(reader: StructReader, end: number, read: (number: number, wireType: WireType) => boolean): void {
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (!read(number, wireType)) reader.skip(wireType, number, limits.jsonDepth);
  }
  if (reader.pos !== end) throw new RangeError('premature end');
}

/** The end of a record that begins with its length. */
function endOf(reader: BinaryReader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('premature end');
  return end;
}
