import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import { quote, quotedBytesMax } from '../errors/refusal-limits.ts';
import { isJsonList } from '../request/json-guard.ts';
import { findField, isSecretField } from '../routes/message-fields.ts';

/** Replaces a secret value in an error. */
export const redacted = '[redacted]';

/** Hides a value; null and the empty string stay. */
export function hide(value: JsonValue): JsonValue {
  return value === null || value === '' ? value : redacted;
}

/**
 * Copies the beginning of the JSON sent for a message, without secrets: fields marked `debug_redact`, any other value in the
 * place of a message with such fields, and unknown members, because a secret may have been sent under a misspelled name.
 *
 * @returns a text of at most 256 bytes, or other JSON that takes no more
 */
export function redactMessage(message: DescMessage, sent: JsonValue): JsonValue {
  return showMessage(message)(sent, new Room()) ?? null;
}

/** Copies the beginning of the JSON sent for a field, as `redactMessage` does. */
export function redactField(field: DescField, sent: JsonValue): JsonValue {
  return showField(field)(sent, new Room()) ?? null;
}

/** Copies the beginning of a value that contains no secret, as `redactMessage` does. */
export function quoteValue(sent: JsonValue): JsonValue {
  return showValue(sent, new Room()) ?? null;
}

/** The bytes of JSON that a copy may still take. */
class Room {
  #bytesLeft: number = quotedBytesMax;
  /** Nothing has been copied yet: a text that is the whole copy is measured without its quotes. */
  #isWhole = true;

  /** Takes a scalar value; undefined if it does not fit, and then nothing else does. */
  take(value: JsonValue): JsonValue | undefined {
    const kept = typeof value === 'string' ? quote(value, this.#textBytesMax()) : value;
    if (this.#isWhole) return kept;
    return this.takeBytes(Buffer.byteLength(JSON.stringify(kept))) ? kept : undefined;
  }

  /** Takes bytes of JSON; false if there are fewer left. */
  takeBytes(bytes: number): boolean {
    this.#isWhole = false;
    const fits = bytes <= this.#bytesLeft;
    this.#bytesLeft = fits ? this.#bytesLeft - bytes : 0;
    return fits;
  }

  #textBytesMax(): number {
    return this.#isWhole ? quotedBytesMax : Math.max(0, this.#bytesLeft - '""'.length);
  }
}

/** Copies as much of a value as there is room for; undefined if there is none. */
type Show = (sent: JsonValue, room: Room) => JsonValue | undefined;

const showHidden: Show = (sent, room) => room.take(hide(sent));

const showValue: Show = (sent, room) => {
  if (isJsonList(sent)) return showItems(sent, room, showValue);
  return isJsonObject(sent) ? showMembers(sent, room, () => showValue) : room.take(sent);
};

function showMessage(message: DescMessage): Show {
  return (sent, room) => {
    if (!isJsonObject(sent)) return hasSecrets(message) ? showHidden(sent, room) : showValue(sent, room);
    if (message.typeName.startsWith('google.protobuf.')) return showValue(sent, room);
    return showMembers(sent, room, (name) => {
      const field = findField(message, name);
      return field ? showField(field) : showHidden;
    });
  };
}

function showField(field: DescField): Show {
  if (isSecretField(field)) return showHidden;
  const { message } = field;
  if (!message) return showValue;
  return (sent, room) => {
    const show = showMessage(message);
    if (field.fieldKind === 'list' && isJsonList(sent)) return showItems(sent, room, show);
    if (field.fieldKind === 'map' && isJsonObject(sent)) return showMembers(sent, room, () => show);
    return show(sent, room);
  };
}

function showItems(sent: readonly JsonValue[], room: Room, show: Show): JsonValue | undefined {
  if (!room.takeBytes('[]'.length)) return undefined;
  const shown: JsonValue[] = [];
  for (const item of sent) {
    const copy = room.takeBytes(','.length) ? show(item, room) : undefined;
    if (copy === undefined) break;
    shown.push(copy);
  }
  return shown;
}

function showMembers(sent: JsonObject, room: Room, showOf: (name: string) => Show): JsonValue | undefined {
  if (!room.takeBytes('{}'.length)) return undefined;
  const shown: [string, JsonValue][] = [];
  for (const name in sent) {
    if (!Object.hasOwn(sent, name)) continue;
    const fits = room.takeBytes(':,'.length) && name.length <= quotedBytesMax && room.take(name) === name;
    const copy = fits ? showOf(name)(sent[name] ?? null, room) : undefined;
    if (copy === undefined) break;
    shown.push([name, copy]);
  }
  return Object.fromEntries(shown);
}

function hasSecrets(message: DescMessage, above: readonly DescMessage[] = []): boolean {
  if (above.includes(message)) return false;
  return message.fields.some(
    (field) => isSecretField(field) || (field.message && hasSecrets(field.message, [...above, message])),
  );
}
