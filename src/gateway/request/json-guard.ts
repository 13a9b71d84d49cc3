import type { JsonValue as MutableJsonValue } from '@bufbuild/protobuf';
import type { JsonObject, JsonValue } from '../../vault/json.ts';
import { limits } from '../../vault/limits.ts';

/** Tells whether a value is one that JSON.parse could have made; only its outermost shape is looked at. */
export function isJson(value: unknown): value is JsonValue {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol' && typeof value !== 'bigint';
}

/** Hands JSON to protobuf's reader, whose types lack `readonly`; it changes nothing. */
export function isReadableByProtobuf(value: JsonValue): value is MutableJsonValue {
  return isJson(value);
}

/** Why a JSON value is refused before anything else is looked at. */
export interface JsonFlaw {
  readonly kind: 'nul' | 'lone_surrogate' | 'proto_name' | 'not_finite' | 'too_deep';
  /** Names and indexes from the root. */
  readonly path: readonly (string | number)[];
}

/**
 * Looks for what no request may hold: U+0000, which PostgreSQL can't store; half of a surrogate pair, which
 * has no UTF-8; the name `__proto__`, which is never meant; a number
 * that JSON can't spell; and nesting beyond `limits.jsonDepth`.
 *
 * @returns the first flaw, or undefined
 */
export function findJsonFlaw(value: JsonValue, depth = 0): JsonFlaw | undefined {
  if (typeof value === 'string') return flawOfText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { kind: 'not_finite', path: [] };
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === limits.jsonDepth) return { kind: 'too_deep', path: [] };
  return isList(value) ? findInList(value, depth + 1) : findInObject(value, depth + 1);
}

function flawOfText(text: string): JsonFlaw | undefined {
  const kind = text.includes('\0') ? 'nul' : text.isWellFormed() ? undefined : 'lone_surrogate';
  return kind && { kind, path: [] };
}

/** Tells whether a text is one that UTF-8 and PostgreSQL can hold: it has no U+0000 and no half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return flawOfText(text) === undefined;
}

function findInList(list: readonly JsonValue[], depth: number): JsonFlaw | undefined {
  for (const [index, item] of list.entries()) {
    const flaw = findJsonFlaw(item, depth);
    if (flaw) return { kind: flaw.kind, path: [index, ...flaw.path] };
  }
  return undefined;
}

function findInObject(object: JsonObject, depth: number): JsonFlaw | undefined {
  for (const name of Object.keys(object)) {
    if (name === '__proto__') return { kind: 'proto_name', path: [] };
    const ofName = flawOfText(name);
    if (ofName) return ofName;
    const flaw = findJsonFlaw(object[name] ?? null, depth);
    if (flaw) return { kind: flaw.kind, path: [name, ...flaw.path] };
  }
  return undefined;
}

function isList(value: JsonObject | readonly JsonValue[]): value is readonly JsonValue[] {
  return Array.isArray(value);
}
