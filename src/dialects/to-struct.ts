import type { JsonObject as StructInit, JsonValue as StructValue } from '@bufbuild/protobuf';
import { isJsonObject, type JsonObject, type JsonValue } from '../vault/json.ts';

/** Copies a JSON object of the vault, which nobody may change, into one that a `google.protobuf.Struct` field takes. */
export function toStruct(object: JsonObject): StructInit {
  return Object.fromEntries(Object.entries(object).map(([name, member]) => [name, toValue(member)]));
}

function toValue(value: JsonValue): StructValue {
  if (isJsonObject(value)) return toStruct(value);
  return typeof value === 'object' && value !== null ? value.map(toValue) : value;
}
