import { ScalarType } from '@bufbuild/protobuf';
import type { DescMessage } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import type { JsonObject } from '../../vault/json.ts';
import type { JsonStyle } from '../contract/dialect.ts';

/** The schema of a scalar, as the dialect spells it. @see https://protobuf.dev/programming-guides/json/ */
export function scalarSchema(scalar: ScalarType, { int64 }: JsonStyle): JsonObject {
  const schema = scalarSchemas[scalar];
  return longs.has(scalar) && int64 === 'string' ? { ...schema, type: 'string' } : schema;
}

/** The schema of a message whose JSON is no object of its fields; undefined for any other. */
export function wellKnownSchema(message: DescMessage, style: JsonStyle): JsonObject | undefined {
  return isWrapperDesc(message) ? scalarSchema(message.fields[0].scalar, style) : wellKnownSchemas[message.typeName];
}

const integer32 = { type: 'integer', format: 'int32' } as const;
const integer64 = { type: 'integer', format: 'int64' } as const;

const scalarSchemas: Readonly<Record<ScalarType, JsonObject>> = {
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
  [ScalarType.DOUBLE]: { type: 'number', format: 'double' },
  [ScalarType.FLOAT]: { type: 'number', format: 'float' },
  [ScalarType.INT32]: integer32,
  [ScalarType.SINT32]: integer32,
  [ScalarType.SFIXED32]: integer32,
  [ScalarType.UINT32]: { ...integer64, minimum: 0 },
  [ScalarType.FIXED32]: { ...integer64, minimum: 0 },
  [ScalarType.INT64]: integer64,
  [ScalarType.SINT64]: integer64,
  [ScalarType.SFIXED64]: integer64,
  [ScalarType.UINT64]: integer64,
  [ScalarType.FIXED64]: integer64,
};

const longs: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.SINT64,
  ScalarType.SFIXED64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
]);

const wellKnownSchemas: Readonly<Record<string, JsonObject>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string' },
  'google.protobuf.FieldMask': { type: 'string' },
  'google.protobuf.Struct': { type: 'object', additionalProperties: true },
  'google.protobuf.ListValue': { type: 'array', items: {} },
  'google.protobuf.Value': {},
};
