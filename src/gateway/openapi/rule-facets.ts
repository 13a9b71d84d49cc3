import { isFieldSet, isMessage, ScalarType, type DescField, type Message } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { FieldRulesSchema, type FieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import { fieldReader, isRequiredField, rulesOf } from '../routes/message-fields.ts';

/**
 * Says a field's protovalidate rules in JSON Schema's words, for lists and maps those of their items, too. Rules that it has no
 * words for are left out.
 *
 * @see https://json-schema.org/draft/2020-12/json-schema-validation
 */
export function facetsOf(field: DescField): JsonObject {
  const least = isRequiredField(field) && isImplicitText(field) ? { minLength: 1 } : {};
  return { ...least, ...facetsOfRules(rulesOf(field)) };
}

/** A field without presence counts as missing when it is empty. */
function isImplicitText(field: DescField): boolean {
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

/** RE2 knows a few forms that JavaScript, and with it JSON Schema, does not. */
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
