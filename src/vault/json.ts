/** Any JSON value. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Whether a value is a JSON object: not null, an array or a scalar. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether two values are equal as JSON, regardless of the order of members. */
export function sameJson(one: JsonValue, other: JsonValue): boolean {
  if (one === other) return true;
  if (Array.isArray(one) || Array.isArray(other)) return sameItems(one, other);
  return isJsonObject(one) && isJsonObject(other) && sameMembers(one, other);
}

function sameItems(one: JsonValue, other: JsonValue): boolean {
  if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
  return one.every((item, index) => sameJson(item, other[index]));
}

function sameMembers(one: JsonObject, other: JsonObject): boolean {
  const entries = Object.entries(one);
  return (
    entries.length === Object.keys(other).length &&
    entries.every(([name, value]) => {
      const counterpart = Object.hasOwn(other, name) ? other[name] : undefined;
      return counterpart !== undefined && sameJson(value, counterpart);
    })
  );
}
