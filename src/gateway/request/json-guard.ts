import type { JsonValue as MutableJsonValue } from '@bufbuild/protobuf';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import { limits } from '../../vault/limits.ts';

/** Whether a value could be a result of JSON.parse, judged by its outermost shape. */
export function isJson(value: unknown): value is JsonValue {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol' && typeof value !== 'bigint';
}

/** Adapts JSON to protobuf's reader, whose types lack `readonly` although it changes nothing. */
export function isReadableByProtobuf(value: JsonValue): value is MutableJsonValue {
  return isJson(value);
}

/** What makes a JSON value unstorable, and where. */
export interface Unstorable {
  readonly kind: 'nul' | 'lone_surrogate' | 'proto_name' | 'not_finite' | 'too_deep';
  /** Names and indexes from the root. */
  readonly path: readonly (string | number)[];
}

/**
 * Searches for what no request may contain: U+0000, which PostgreSQL cannot store; half of a surrogate pair, which has no UTF-8;
 * the name `__proto__`; a number that JSON cannot express; and nesting beyond `limits.jsonDepth`.
 *
 * @returns the first one found
 */
export function findUnstorable(value: JsonValue, depth = 0): Unstorable | undefined {
  if (typeof value === 'string') return findInText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { kind: 'not_finite', path: [] };
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === limits.jsonDepth) return { kind: 'too_deep', path: [] };
  return isJsonList(value) ? findInList(value, depth + 1) : findInObject(value, depth + 1);
}

/** Whether UTF-8 and PostgreSQL can represent a text: it has no U+0000 and no half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return findInText(text) === undefined;
}

function findInText(text: string): Unstorable | undefined {
  const kind = text.includes('\0') ? 'nul' : text.isWellFormed() ? undefined : 'lone_surrogate';
  return kind && { kind, path: [] };
}

function findInList(list: readonly JsonValue[], depth: number): Unstorable | undefined {
  for (const [index, item] of list.entries()) {
    const found = findUnstorable(item, depth);
    if (found) return { kind: found.kind, path: [index, ...found.path] };
  }
  return undefined;
}

function findInObject(object: JsonObject, depth: number): Unstorable | undefined {
  for (const name of Object.keys(object)) {
    if (name === '__proto__') return { kind: 'proto_name', path: [] };
    const inName = findInText(name);
    if (inName) return inName;
    const found = findUnstorable(object[name] ?? null, depth);
    if (found) return { kind: found.kind, path: [name, ...found.path] };
  }
  return undefined;
}

/** Whether a value is a JSON array. */
export function isJsonList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
