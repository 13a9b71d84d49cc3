import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import { Secret } from '../../vault/secret.ts';
import type { MergedSecret, SecretChange } from '../../vault/secret-change.ts';
import { holdsMask, isMask, unmask } from '../masks.ts';

/** The secret of a payload: one field, whatever its type. */
export function secretOf(payload: string): Secret {
  return new Secret({ payload });
}

/**
 * Shows a secret as one text: its payload, or the text of its only field; what another dialect stored with more fields as the
 * JSON of them.
 */
export function payloadOf(secret: Secret): string {
  const fields = secret.expose();
  const name = textFieldOf(fields);
  const text = name === undefined ? undefined : fields[name];
  return typeof text === 'string' ? text : JSON.stringify(fields);
}

/** How a payload changes the current secret. A mask stands for what is current. */
export function payloadChange(payload: string): SecretChange {
  return {
    sent: secretOf(payload),
    needsPresent: isMask(payload) || holdsMask(parseObject(payload) ?? {}),
    merge: (present) => replacePayload(present, payload),
  };
}

/**
 * The secret that a payload makes of the present one, such that it is shown as that payload: the field that was shown gets the
 * text, and JSON that was shown is replaced by JSON.
 */
function replacePayload(present: Secret, payload: string): MergedSecret {
  if (isMask(payload)) return { secret: present, keepsPresent: true };
  const fields = present.expose();
  const name = textFieldOf(fields);
  if (name !== undefined) {
    return { secret: new Secret({ ...fields, [name]: payload }), keepsPresent: Object.keys(fields).length > 1 };
  }
  const sent = parseObject(payload);
  if (!sent) return { secret: secretOf(payload), keepsPresent: false };
  const replaced = unmask(sent, fields);
  // With one text alone it would be shown as that text, no longer as JSON.
  const secret = textFieldOf(replaced) === undefined ? new Secret(replaced) : secretOf(JSON.stringify(replaced));
  return { secret, keepsPresent: holdsMask(sent) };
}

function textFieldOf(fields: JsonObject): string | undefined {
  if (typeof fields['payload'] === 'string') return 'payload';
  const [name, second] = Object.keys(fields);
  return name !== undefined && second === undefined && typeof fields[name] === 'string' ? name : undefined;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: JsonValue = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
