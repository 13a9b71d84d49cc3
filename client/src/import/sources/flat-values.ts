import { isJsonObject, type JsonValue } from '../reading/json.ts';
import { openedFields, type Opened, type SourceEntry } from '../reading/source-entry.ts';

/** The field of a credential that is made from one named value. */
export const valueField = 'value';

/** Beginnings of values that stand for another place. */
const references = [
  { prefix: 'encrypted:', reason: 'dotenvx encrypted it: run `dotenvx decrypt` first' },
  { prefix: 'coffer://', reason: 'it is a reference to a secret in Coffer' },
  { prefix: 'op://', reason: 'it is a reference to a secret in 1Password' },
] as const;

/** A named value of a file, before it is a credential. */
export interface NamedValue {
  readonly name: string;
  readonly value: JsonValue;
  /** Default: the name. */
  readonly originalId?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly originalWorkspace?: string;
}

/** Makes a credential of a named value: an object is its fields, anything else its field `value`. */
export function entryOfValue({ name, value, originalId = name, ...details }: NamedValue): SourceEntry {
  return { originalId, name, provider: 'custom', secret: openValue(value), ...details };
}

/** Judges a value that a file has in plaintext. */
function openValue(value: JsonValue): Opened {
  if (isJsonObject(value)) return openedFields(value);
  if (value === null || value === '') return { state: 'empty', reason: 'it has no value' };
  const reference = references.find(({ prefix }) => typeof value === 'string' && value.startsWith(prefix));
  if (reference) return { state: 'reference', reason: reference.reason };
  return openedFields({ [valueField]: value });
}

/**
 * Makes one credential of several: each name becomes a field. Entries that have no value stay separate, so that they are
 * listed.
 */
export function combineEntries(entries: readonly SourceEntry[], name: string): readonly SourceEntry[] {
  const fields = new Map<string, JsonValue>();
  for (const entry of entries) {
    if (entry.secret.state !== 'opened') continue;
    const value = entry.secret.fields[valueField];
    const isSingle = Object.keys(entry.secret.fields).length === 1 && value !== undefined;
    fields.set(entry.name, isSingle ? value : entry.secret.fields);
  }
  const combined = { originalId: name, name, provider: 'custom', secret: openedFields(Object.fromEntries(fields)) };
  return [...(fields.size > 0 ? [combined] : []), ...entries.filter(({ secret }) => secret.state !== 'opened')];
}
