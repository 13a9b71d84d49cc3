import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

export type { JsonObject, JsonValue };

/** Whether a value of JSON.parse is an object: not null, an array or a scalar. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses a text that should be a JSON object; undefined where it is anything else. */
export function parseJsonObject(text: string): JsonObject | undefined {
  const value = parseJson(text);
  return isJsonObject(value) ? value : undefined;
}

/**
 * Parses JSON; undefined where the text is none. The error of JSON.parse is dropped, since it quotes the text. An integer with
 * more digits than a number can have, such as the id of an account, becomes a text, so that no digit is lost.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, keepDigits);
  } catch {
    return undefined;
  }
}

/** @see https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Global_Objects/JSON/parse#context */
function keepDigits(_name: string, value: unknown, ...[context]: readonly unknown[]): unknown {
  if (typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  const source = typeof context === 'object' && context !== null && 'source' in context ? context.source : undefined;
  return typeof source === 'string' && /^-?\d+$/.test(source) ? source : value;
}

/** The same text for values that are equal as JSON, regardless of the order of members. */
export function canonicalJson(value: JsonValue): string {
  return JSON.stringify(value, (_name, member: unknown) => {
    if (!isJsonObject(member)) return member;
    return Object.fromEntries(Object.entries(member).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  });
}

/** Whether all texts of a value can be stored: as valid Unicode, and without U+0000. */
export function isStorable(value: JsonValue): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (Array.isArray(value)) return value.every(isStorable);
  return (
    !isJsonObject(value) || Object.entries(value).every(([name, member]) => isStorable(name) && isStorable(member))
  );
}
