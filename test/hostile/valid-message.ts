import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { isFieldSet, ScalarType } from '@bufbuild/protobuf';
import { StringRulesSchema } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { isRequiredField, rulesOf } from '../../src/gateway/routes/message-fields.ts';
import type { JsonObject, JsonValue } from '../../src/vault/json.ts';

/** What fields of these names hold, so that a request finds something. */
export type KnownValues = Readonly<Record<string, JsonValue>>;

/** A small message with what it must have, as JSON by proto names. */
export function validMessage(message: DescMessage, known: KnownValues): JsonObject {
  const members = message.fields.filter((field) => field.name in known || isRequiredField(field));
  return Object.fromEntries(members.map((field) => [field.name, validValue(field, known)]));
}

/** A small value that a field takes. */
export function validValue(field: DescField, known: KnownValues): JsonValue {
  const given = known[field.name];
  if (given !== undefined) return given;
  switch (field.fieldKind) {
    case 'list':
      return [];
    case 'map':
      return {};
    case 'enum':
      return field.enum.values.at(1)?.name ?? 0;
    case 'message':
      return wellKnown[field.message.typeName] ?? validMessage(field.message, known);
    case 'scalar':
    default:
      return scalarOf(field);
  }
}

/** How JSON spells small values of messages that are no objects of their fields. */
const wellKnown: Readonly<Record<string, JsonValue>> = {
  'google.protobuf.Struct': { api_key: 'x' },
  'google.protobuf.Value': 'x',
  'google.protobuf.Timestamp': '2030-01-01T00:00:00Z',
  'google.protobuf.FieldMask': '',
};

function scalarOf(field: DescField): JsonValue {
  if (field.scalar === ScalarType.BOOL) return true;
  if (field.scalar === ScalarType.BYTES) return '';
  if (field.scalar !== ScalarType.STRING) return 1;
  const { type } = rulesOf(field) ?? {};
  if (type?.case !== 'string') return 'x';
  const choice = type.value.in.find((name) => name !== '');
  const length = isFieldSet(type.value, StringRulesSchema.field.minLen) ? Number(type.value.minLen) : 1;
  return choice ?? 'x'.repeat(Math.max(1, length));
}
