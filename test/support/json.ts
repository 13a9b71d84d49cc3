import { isJsonObject, type JsonObject, type JsonValue } from '../../src/vault/json.ts';
import { parseJson } from '../../src/vault/read-json.ts';

/** Parses a text that must be a JSON object, with the names that it has: those of JSON.parse may be others. */
export function parseObject(text: string): JsonObject {
  const value = parseJson(text);
  if (!isJsonObject(value)) throw new Error('the answer is no JSON object');
  return value;
}

/** Follows names into nested objects; fails where one is absent. */
export function memberOf(value: JsonValue | undefined, ...names: readonly string[]): JsonValue {
  let found = value;
  for (const name of names) found = isJsonObject(found) ? found[name] : undefined;
  if (found === undefined) throw new Error(`the answer has no ${names.join('.')}`);
  return found;
}

/** The same for a member that must be a string. */
export function textOf(value: JsonValue | undefined, ...names: readonly string[]): string {
  const found = memberOf(value, ...names);
  if (typeof found !== 'string') throw new Error(`${names.join('.')} is no string`);
  return found;
}
