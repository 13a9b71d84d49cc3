import type { DescField, DescMessage } from '@bufbuild/protobuf';

/** A field of a message that is a `google.protobuf.Struct`, or a message with such fields. */
export interface StructField {
  readonly field: DescField;
  /** Those of the message; undefined where it is a Struct itself. */
  readonly below: readonly StructField[] | undefined;
}

/**
 * Finds the Structs that a message holds. Readers take them apart from the rest, as the JSON objects that they are kept as:
 * protobuf's own make a message of each of their values first, which costs a dozen times as much. Those in lists, maps, oneofs and
 * in messages of their own kind are left to it.
 */
export function structFieldsOf(message: DescMessage, within: readonly DescMessage[] = []): readonly StructField[] {
  if (within.includes(message)) return [];
  return message.fields.flatMap((field): StructField[] => {
    if (field.fieldKind !== 'message' || field.oneof) return [];
    if (field.message.typeName === 'google.protobuf.Struct') return [{ field, below: undefined }];
    if (field.message.typeName.startsWith('google.protobuf.')) return [];
    const below = structFieldsOf(field.message, [...within, message]);
    return below.length === 0 ? [] : [{ field, below }];
  });
}
