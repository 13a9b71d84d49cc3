import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';

/** Applies a JSON merge patch to an object: its members replace the object's, and null takes away. @see RFC 7396 */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const members = new Map(Object.entries(target));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, patched(members.get(name), value));
  }
  return Object.fromEntries(members);
}

function patched(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  return isJsonObject(patch) ? mergePatch(isJsonObject(target) ? target : {}, patch) : patch;
}
