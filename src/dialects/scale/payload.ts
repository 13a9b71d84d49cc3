import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import { Secret } from '../../vault/secret.ts';
import { isMask, unmask } from '../masks.ts';

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

/**
 * The secret that a payload makes of the current one, such that it is shown as that payload: the field that was shown gets the
 * text, and JSON that was shown is replaced by JSON. A mask stands for what is current.
 */
export function replacePayload(current: Secret, payload: string): Secret {
  if (isMask(payload)) return current;
  const fields = current.expose();
  const name = textFieldOf(fields);
  if (name !== undefined) return new Secret({ ...fields, [name]: payload });
  const sent = parseObject(payload);
  if (!sent) return secretOf(payload);
  const replaced = unmask(sent, fields);
  // With one text alone it would be shown as that text, no longer as JSON.
  return textFieldOf(replaced) === undefined ? new Secret(replaced) : secretOf(JSON.stringify(replaced));
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
