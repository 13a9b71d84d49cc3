/** Any value that JSON can spell. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Tells whether a value is a JSON object: neither null, nor an array, nor a scalar. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Tells whether two values are the same JSON; the order of an object's members does not count. */
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
