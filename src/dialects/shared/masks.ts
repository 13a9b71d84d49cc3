import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';

/** What clients show in place of a secret, and may send back: a word in brackets, or a run of asterisks, bullets or dots. */
const maskPattern = /^(?:\[(?:redacted|secret|hidden|masked)\]|\*{3,}|[•●∙·]{3,})$/i;

/** Whether a value is a mask in place of a secret: `[redacted]`, `********`, `••••`; at least three characters. */
export function isMask(value: JsonValue): boolean {
  return typeof value === 'string' && maskPattern.test(value.trim());
}

/**
 * Replaces masks by the current values, at any depth, so that a mask that is sent back never overwrites a secret. A mask
 * without a current value is dropped.
 *
 * @param isUnchanged whether a value means the current one
 */
export function unmask(sent: JsonObject, current: JsonObject, isUnchanged = isMask): JsonObject {
  return Object.fromEntries(
    Object.entries(sent).flatMap(([name, value]) => {
      const before = Object.hasOwn(current, name) ? current[name] : undefined;
      const kept = unmaskValue(value, before, isUnchanged);
      return kept === undefined ? [] : [[name, kept]];
    }),
  );
}

/** Whether there is a mask at any depth, so that the current secret is needed. */
export function containsMask(sent: JsonValue, isUnchanged = isMask): boolean {
  if (isUnchanged(sent)) return true;
  if (typeof sent !== 'object' || sent === null) return false;
  return Object.values(sent).some((member: JsonValue) => containsMask(member, isUnchanged));
}

function unmaskValue(
  sent: JsonValue,
  current: JsonValue | undefined,
  isUnchanged: (value: JsonValue) => boolean,
): JsonValue | undefined {
  if (isUnchanged(sent)) return current;
  if (isJsonObject(sent)) return unmask(sent, isJsonObject(current) ? current : {}, isUnchanged);
  if (!isList(sent)) return sent;
  const before = isList(current) ? current : [];
  return sent.map((item, index) => unmaskValue(item, before[index], isUnchanged)).filter((item) => item !== undefined);
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
