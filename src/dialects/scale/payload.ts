import { invalidArgument } from '../../vault/errors.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';
import { isJsonObject, type JsonObject } from '../../vault/json.ts';
import { readJson, type ReadJson } from '../../vault/read-json.ts';
import { Secret } from '../../vault/secret.ts';
import type { MergedSecret, SecretChange } from '../../vault/credentials/secret-change.ts';
import { holdsMask, isMask, unmask } from '../shared/masks.ts';

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
    needsPresent: isMask(payload) || holdsMask(parseObject(payload)?.object ?? {}),
    merge: (present) => replacePayload(present, payload),
  };
}

/**
 * The secret that a payload makes of the present one, such that it is shown as that payload: the field that was shown gets the
 * text, and JSON that was shown is replaced by JSON.
 *
 * @throws VaultError `invalid_argument` for such JSON whose fields are not all that was sent
 */
function replacePayload(present: Secret, payload: string): MergedSecret {
  if (isMask(payload)) return { secret: present, keepsPresent: true };
  const fields = present.expose();
  const name = textFieldOf(fields);
  if (name !== undefined) {
    return { secret: new Secret({ ...fields, [name]: payload }), keepsPresent: Object.keys(fields).length > 1 };
  }
  const parsed = parseObject(payload);
  const [only = 'payload', second] = Object.keys(fields);
  const field = second === undefined ? only : 'payload';
  // A secret of one field keeps its name; JSON that has that field was made of what was shown.
  if (!parsed || (second === undefined && !Object.hasOwn(parsed.object, only))) {
    return { secret: new Secret({ [field]: payload }), keepsPresent: false };
  }
  const { object: sent, flaw } = parsed;
  if (flaw) throw invalidArgument('payload', `is JSON in which ${describeTextFlaw(flaw)}`);
  const replaced = unmask(sent, fields);
  // With one text alone it would be shown as that text, no longer as JSON.
  const secret = textFieldOf(replaced) === undefined ? replaced : { [field]: JSON.stringify(replaced) };
  return { secret: new Secret(secret), keepsPresent: holdsMask(sent) };
}

function textFieldOf(fields: JsonObject): string | undefined {
  if (typeof fields['payload'] === 'string') return 'payload';
  const [name, second] = Object.keys(fields);
  return name !== undefined && second === undefined && typeof fields[name] === 'string' ? name : undefined;
}

interface ParsedObject {
  readonly object: JsonObject;
  readonly flaw: ReadJson['flaw'];
}

/** Undefined where the text is anything but a JSON object. */
function parseObject(text: string): ParsedObject | undefined {
  try {
    const { value, flaw } = readJson(text);
    return isJsonObject(value) ? { object: value, flaw } : undefined;
  } catch {
    return undefined;
  }
}
