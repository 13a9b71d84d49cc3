import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { limits } from '../../vault/limits.ts';

/** Bytes of so many can hold no more records than are allowed, and are not looked at. */
const smallBytes = 2 * limits.jsonMarks;
/** An entry of a map has a key and a value. */
const recordsOfEntry = 3;

/**
 * Refuses bytes of protobuf's binary format with more records than any request needs, before they become values, which take many
 * times as much memory and time. Records within Structs are counted by the reader of Structs.
 *
 * @throws RangeError
 */
export type RecordLimit = (bytes: Uint8Array) => void;

/** Compiles the limit of a message. */
export function createRecordLimit(schema: DescMessage): RecordLimit {
  const compiled = new Map<DescMessage, FieldsByNumber>();
  const fieldsOf = (message: DescMessage): FieldsByNumber => {
    const known = compiled.get(message);
    if (known) return known;
    const fields = new Map(message.fields.map((field) => [field.number, field]));
    compiled.set(message, fields);
    return fields;
  };
  return (bytes) => {
    if (bytes.length < smallBytes) return;
    const reader = new BinaryReader(bytes);
    if (countRecords(reader, reader.len, schema, fieldsOf) > limits.jsonMarks) throw new RangeError('too many records');
  };
}

type FieldsByNumber = ReadonlyMap<number, DescField>;

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
    const nested = field && wireType === WireType.LengthDelimited ? messageOf(field) : undefined;
    if (nested) records += countRecords(reader, reader.uint32() + reader.pos, nested, fieldsOf);
    else reader.skip(wireType, number, limits.jsonDepth);
  }
  return records;
}

function messageOf(field: DescField): DescMessage | undefined {
  const message = field.fieldKind === 'map' ? undefined : field.message;
  return message?.typeName === 'google.protobuf.Struct' ? undefined : message;
}
