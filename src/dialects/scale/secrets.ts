import type { MergedSecret, SecretChange } from '../../vault/credentials/credential-change.ts';
import { invalidArgument } from '../../vault/errors.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';
import { isJsonObject, type JsonObject } from '../../vault/json.ts';
import { readJson, type ReadJson } from '../../vault/read-json.ts';
import { Secret } from '../../vault/secret.ts';
import { containsMask, isMask, unmask } from '../shared/masks.ts';

/** Converts a payload to a secret of one field, whatever the type of the credential. */
export function secretFromPayload(payload: string): Secret {
  return new Secret({ payload });
}

/**
 * Converts a secret to a payload: its field `payload`, or the string in its only field. The secret of another dialect with
 * further fields becomes the JSON of all of them.
 */
export function payloadOf(secret: Secret): string {
  const fields = secret.expose();
  const name = textFieldOf(fields);
  const text = name === undefined ? undefined : fields[name];
  return typeof text === 'string' ? text : JSON.stringify(fields);
}

/** Reads the change that a new payload makes to a secret. A mask keeps the current value. */
export function secretChangeFromPayload(payload: string): SecretChange {
  return {
    sent: secretFromPayload(payload),
    needsPresent: isMask(payload) || containsMask(parseObject(payload)?.object ?? {}),
    merge: (present) => replacePayload(present, payload),
  };
}

/**
 * Replaces the current secret such that the result is shown as the payload: a payload that was shown from one field goes into
 * that field, and JSON of several fields replaces all of them.
 *
 * @throws VaultError `invalid_argument` for such JSON that parsing would change: duplicate names, for example
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
  // A secret of one field keeps the name of the field; JSON that has the field is an edited form of what was shown.
  if (!parsed || (second === undefined && !Object.hasOwn(parsed.object, only))) {
    return { secret: new Secret({ [field]: payload }), keepsPresent: false };
  }
  const { object: sent, flaw } = parsed;
  if (flaw) throw invalidArgument('payload', `is JSON in which ${describeTextFlaw(flaw)}`);
  const replaced = unmask(sent, fields);
  // An object with a single string would be shown as that string, no longer as JSON.
  const secret = textFieldOf(replaced) === undefined ? replaced : { [field]: JSON.stringify(replaced) };
  return { secret: new Secret(secret), keepsPresent: containsMask(sent) };
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

/** Parses a JSON object; undefined for any other text. */
function parseObject(text: string): ParsedObject | undefined {
  try {
    const { value, flaw } = readJson(text);
    return isJsonObject(value) ? { object: value, flaw } : undefined;
  } catch {
    return undefined;
  }
}
