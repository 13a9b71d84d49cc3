import { openSalted } from '../formats/openssl-salted.ts';
import { openGcm } from '../formats/n8n-gcm.ts';
import { parseJsonObject } from '../reading/json.ts';
import { openedFields, type Opened } from '../reading/source-entry.ts';

/** A key that encrypts data, as it is stored: wrapped under the instance key. */
export interface DataKey {
  readonly wrapped: string;
  readonly algorithm: string;
}

/** What opens the credentials of an n8n. */
export interface N8nKeys {
  readonly instanceKey: string;
  /** SHA-256 of the instance key. */
  readonly wrappingKey: Uint8Array;
  readonly dataKeys: ReadonlyMap<string, DataKey>;
}

const keyedPattern = /^([A-Za-z0-9_-]{1,36}):(.*)$/s;
const hexKeyPattern = /^[0-9a-fA-F]{64}$/;

/** Opens the column `data` in either form: `keyId:…` under a data key, or as OpenSSL writes it under the instance key. */
export function openN8nData(data: string, keys: N8nKeys): Opened {
  const [, keyId, sealed] = keyedPattern.exec(data) ?? [];
  if (keyId === undefined || sealed === undefined) return openSalted(data, passphraseOf(keys.instanceKey));
  const dataKey = keys.dataKeys.get(keyId);
  if (!dataKey) return { state: 'wrong key', reason: `the table deployment_key has no data key ${keyId}` };
  const unwrapped = openGcm(dataKey.wrapped, keys.wrappingKey);
  if (unwrapped.state === 'malformed') return { state: 'damaged', reason: `the data key ${keyId} is damaged` };
  if (unwrapped.state === 'unauthentic') {
    return { state: 'wrong key', reason: `the data key ${keyId} does not open under this key` };
  }
  return dataKey.algorithm === 'aes-256-cbc'
    ? openSalted(sealed, passphraseOf(unwrapped.text))
    : openUnderDataKey(sealed, unwrapped.text);
}

function openUnderDataKey(sealed: string, key: string): Opened {
  if (!hexKeyPattern.test(key)) return { state: 'damaged', reason: 'its data key has not 32 bytes' };
  const opened = openGcm(sealed, Buffer.from(key, 'hex'));
  if (opened.state !== 'opened') return { state: 'damaged', reason: 'it was changed or cut off' };
  const fields = parseJsonObject(opened.text);
  return fields ? openedFields(fields) : { state: 'damaged', reason: 'it contains no JSON object' };
}

/** n8n makes each character of a passphrase one byte. */
function passphraseOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/**
 * Leaves out fields whose value is an expression that n8n evaluates when it runs: it is no secret, and its result is kept
 * elsewhere.
 */
export function withoutExpressions(secret: Opened): { readonly secret: Opened; readonly note?: string } {
  if (secret.state !== 'opened') return { secret };
  const all = Object.entries(secret.fields);
  const kept = all.filter(([, value]) => !isExpression(value));
  if (kept.length === all.length) return { secret };
  if (kept.length === 0) return { secret: { state: 'reference', reason: 'all values are expressions' } };
  const names = all.filter(([, value]) => isExpression(value)).map(([name]) => name);
  return {
    secret: openedFields(Object.fromEntries(kept)),
    note: `without the expressions of ${names.join(', ')}`,
  };
}

function isExpression(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('={{');
}
