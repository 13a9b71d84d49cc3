import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { isJsonObject, type JsonValue } from '../../vault/json.ts';
import { findField, isSecretField } from './message-fields.ts';

/** What stands in an error for a value that must not be shown. */
export const redacted = '[redacted]';

/** Hides a value, unless there is nothing to hide: null and the empty string stay. */
export function hide(value: JsonValue): JsonValue {
  return value === null || value === '' ? value : redacted;
}

/**
 * Copies what was sent for a message, without its secrets: fields marked `debug_redact`, whatever stands where a message with
 * such fields belongs, and members that the message does not have, since a secret under a misspelt name is one, too.
 */
export function redactMessage(message: DescMessage, sent: JsonValue): JsonValue {
  if (!isJsonObject(sent)) return holdsSecrets(message) ? hide(sent) : sent;
  if (message.typeName.startsWith('google.protobuf.')) return sent;
  return Object.fromEntries(
    Object.entries(sent).map(([name, value]) => {
      const field = findField(message, name);
      return [name, field ? redactField(field, value) : hide(value)];
    }),
  );
}

/** Copies what was sent for a field, without its secrets. */
export function redactField(field: DescField, sent: JsonValue): JsonValue {
  if (isSecretField(field)) return hide(sent);
  const { message } = field;
  if (!message) return sent;
  if (field.fieldKind === 'list' && isJsonList(sent)) return sent.map((item) => redactMessage(message, item));
  if (field.fieldKind === 'map' && isJsonObject(sent)) {
    return Object.fromEntries(Object.entries(sent).map(([key, value]) => [key, redactMessage(message, value)]));
  }
  return redactMessage(message, sent);
}

/** Tells whether a value is a JSON array. */
export function isJsonList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function holdsSecrets(message: DescMessage, above: readonly DescMessage[] = []): boolean {
  if (above.includes(message)) return false;
  return message.fields.some(
    (field) => isSecretField(field) || (field.message && holdsSecrets(field.message, [...above, message])),
  );
}
