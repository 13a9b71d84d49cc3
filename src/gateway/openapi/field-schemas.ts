import { ScalarType, isFieldSet, isMessage, type DescMessage, type DescField, type Message } from '@bufbuild/protobuf';
import { isWrapperDesc, FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { FieldRulesSchema, type FieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import type { JsonStyle } from '../contract/dialect.ts';
import { fieldReader, isRequiredField, rulesOf } from '../routes/message-fields.ts';

/** The schema of a scalar in the dialect's JSON. @see https://protobuf.dev/programming-guides/json/ */
export function scalarSchema(scalar: ScalarType, { int64 }: JsonStyle): JsonObject {
  const schema = scalarSchemas[scalar];
  return longs.has(scalar) && int64 === 'string' ? { ...schema, type: 'string' } : schema;
}

/** The schema of a well-known type with a special JSON form; undefined for any other message. */
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

/**
 * Translates a field's protovalidate rules to JSON Schema keywords, also those of the items of lists and maps. Rules without a
 * keyword are left out.
 *
 * @see https://json-schema.org/draft/2020-12/json-schema-validation
 */
export function facetsOf(field: DescField): JsonObject {
  const notEmpty = isRequiredField(field) && isStringWithoutPresence(field) ? { minLength: 1 } : {};
  return { ...notEmpty, ...facetsOfRules(rulesOf(field)) };
}

/** Such a field counts as missing when it is empty. */
function isStringWithoutPresence(field: DescField): boolean {
  return field.scalar === ScalarType.STRING && field.presence === FeatureSet_FieldPresence.IMPLICIT;
}

type Facet = (bound: unknown) => JsonObject;

const facetsByRule: Readonly<Record<string, Facet>> = {
  min_len: (bound) => ({ minLength: Number(bound) }),
  max_len: (bound) => ({ maxLength: Number(bound) }),
  len: (bound) => ({ minLength: Number(bound), maxLength: Number(bound) }),
  pattern: (bound) => (isPattern(bound) ? { pattern: bound } : {}),
  prefix: (bound) => ({ pattern: `^${String(bound).replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')}` }),
  uuid: () => ({ format: 'uuid' }),
  in: (bound) => (Array.isArray(bound) ? { enum: bound.map(toJson) } : {}),
  const: (bound) => ({ const: toJson(bound) }),
  gte: (bound) => ({ minimum: Number(bound) }),
  gt: (bound) => ({ exclusiveMinimum: Number(bound) }),
  lte: (bound) => ({ maximum: Number(bound) }),
  lt: (bound) => ({ exclusiveMaximum: Number(bound) }),
  min_items: (bound) => ({ minItems: Number(bound) }),
  max_items: (bound) => ({ maxItems: Number(bound) }),
  unique: (bound) => ({ uniqueItems: bound === true }),
  items: (rules) => nested('items', rules),
  min_pairs: (bound) => ({ minProperties: Number(bound) }),
  max_pairs: (bound) => ({ maxProperties: Number(bound) }),
  keys: (rules) => nested('propertyNames', rules),
  values: (rules) => nested('additionalProperties', rules),
};

function facetsOfRules(rules: FieldRules | undefined): JsonObject {
  const { type } = rules ?? {};
  if (type?.case === undefined || type.case === 'bytes') return {};
  const schema = FieldRulesSchema.fields.find(({ localName }) => localName === type.case)?.message;
  const message: Message = type.value;
  const set = schema?.fields.filter((field) => isFieldSet(message, field)) ?? [];
  return Object.assign({}, ...set.map((field) => facetsByRule[field.name]?.(fieldReader(field)(message)) ?? {}));
}

function nested(keyword: string, rules: unknown): JsonObject {
  return isMessage(rules, FieldRulesSchema) ? { [keyword]: facetsOfRules(rules) } : {};
}

/** RE2 has a few forms that JavaScript and therefore JSON Schema lack. */
function isPattern(text: unknown): text is string {
  try {
    return typeof text === 'string' && new RegExp(text, 'u').source !== '';
  } catch {
    return false;
  }
}

function toJson(value: unknown): JsonValue {
  return typeof value === 'string' || typeof value === 'boolean' ? value : Number(value);
}

/** The parts of a proto comment. */
export interface SplitComment {
  /** The word at the beginning of a field's comment. */
  readonly behaviour: 'Required' | 'Optional' | 'Output only' | undefined;
  /** The rest of the comment. */
  readonly text: string;
}

/** Splits a comment such as `Output only. UUID.`. */
export function splitComment(comment = ''): SplitComment {
  const behaviour = behaviours.find((word) => comment.startsWith(`${word}.`));
  return { behaviour, text: behaviour ? comment.slice(behaviour.length + 1).trim() : comment };
}

const behaviours = ['Required', 'Optional', 'Output only'] as const;
