import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';

/** What clients show, and then send back, in place of a secret: a word in brackets, or a run of asterisks, bullets or dots. */
const maskPattern = /^(?:\[(?:redacted|secret|hidden|masked)\]|\*{3,}|[•●∙·]{3,})$/i;

/** Tells whether a value is a mask instead of a secret: `[redacted]`, `********`, `••••`; three signs at least. */
export function isMask(value: JsonValue): boolean {
  return typeof value === 'string' && maskPattern.test(value.trim());
}

/**
 * Puts the current values in the place of masks, at any depth, so that a mask that is sent back never overwrites a secret. A mask
 * that stands where there is no current value is dropped: nothing is meant by it.
 *
 * @param isUnchanged tells which values stand for the current ones
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

/** Whether a mask stands anywhere in what was sent, so that a current value is meant there. */
export function holdsMask(sent: JsonValue, isUnchanged = isMask): boolean {
  if (isUnchanged(sent)) return true;
  if (typeof sent !== 'object' || sent === null) return false;
  return Object.values(sent).some((member: JsonValue) => holdsMask(member, isUnchanged));
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
