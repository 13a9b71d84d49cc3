import { basename } from 'node:path';
import { ImportError, usageError } from '../reading/import-error.ts';
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from '../reading/json.ts';
import { readSourceFile } from '../reading/read-file.ts';
import type { SourceContents, SourceEntry } from '../reading/source-entry.ts';
import type { Source, SourceInput } from '../reading/source-input.ts';
import { combineEntries, entryOfValue } from './flat-values.ts';

/** A JSON file, also as other secret managers export it. */
export const json: Source = {
  name: 'json',
  summary: 'a JSON file, or an export of Infisical, Doppler, Vault or Bitwarden Secrets Manager',
  read,
};

/** A form of JSON that is recognized by its members, and its credentials. */
interface JsonForm {
  readonly matches: (value: unknown) => boolean;
  readonly entriesOf: (value: unknown, input: SourceInput) => readonly SourceEntry[];
}

/** The first form that matches is taken. */
const forms: readonly JsonForm[] = [
  { matches: isBitwarden, entriesOf: entriesOfBitwarden },
  { matches: isVault, entriesOf: entriesOfVault },
  { matches: Array.isArray, entriesOf: entriesOfInfisical },
  { matches: isJsonObject, entriesOf: entriesOfObject },
];

/** What Doppler adds to the secrets of a configuration. */
const dopplerNames = new Set(['DOPPLER_PROJECT', 'DOPPLER_ENVIRONMENT', 'DOPPLER_CONFIG']);

async function read(input: SourceInput): Promise<SourceContents> {
  const value = parseJson(await readSourceFile(input));
  if (value === undefined) throw new ImportError('the file is no JSON, or was cut off');
  const entries = forms.find(({ matches }) => matches(value))?.entriesOf(value, input);
  if (!entries) throw new ImportError('the file is neither a JSON object nor a list of secrets');
  const { credentialName } = input;
  return {
    entries: credentialName === undefined || isVault(value) ? entries : combineEntries(entries, credentialName),
    faults: [],
  };
}

/** @see https://bitwarden.com/help/secrets-manager-import-export/ */
function isBitwarden(value: unknown): value is JsonObject {
  return isJsonObject(value) && Array.isArray(value['secrets']) && Array.isArray(value['projects']);
}

function entriesOfBitwarden(value: unknown): readonly SourceEntry[] {
  const { projects, secrets } = isJsonObject(value) ? value : {};
  const names = new Map(objectsOf(projects).map((project) => [textOf(project, 'id'), textOf(project, 'name')]));
  return objectsOf(secrets).map((secret) => {
    const ids = Array.isArray(secret['projectIds']) ? secret['projectIds'].map(String) : [];
    return entryOfPair(secret, {
      originalId: textOf(secret, 'id'),
      description: textOf(secret, 'note'),
      tags: ids.flatMap((id) => names.get(id) ?? []),
      originalWorkspace: ids[0],
    });
  });
}

/** What `vault kv get -format=json` prints, for either version of the engine. */
function isVault(value: unknown): value is JsonObject {
  return isJsonObject(value) && 'data' in value && 'lease_id' in value && 'request_id' in value;
}

function entriesOfVault(value: unknown, { file, database, credentialName }: SourceInput): readonly SourceEntry[] {
  const name = credentialName ?? basename(file ?? database ?? '-', '.json');
  if (name === '-') throw usageError('the output of vault kv get has no name: give it with --name');
  const data = isJsonObject(value) ? (value['data'] ?? null) : null;
  const isVersion2 = isJsonObject(data) && isJsonObject(data['metadata']) && 'data' in data;
  return [entryOfValue({ name, value: isVersion2 ? (data['data'] ?? null) : data })];
}

/** `infisical export --format=json`: a list of objects with `key` and `value`. */
function entriesOfInfisical(value: unknown): readonly SourceEntry[] {
  const secrets = objectsOf(value);
  const isExport =
    Array.isArray(value) && secrets.length === value.length && secrets.every((secret) => 'key' in secret);
  if (!isExport) throw new ImportError('a list of secrets needs a key and a value in each of its objects');
  return secrets.map((secret) => {
    const path = textOf(secret, 'secretPath') ?? '/';
    const originalId = (path.endsWith('/') ? path : `${path}/`) + (textOf(secret, 'key') ?? '');
    return entryOfPair(secret, { originalId, description: textOf(secret, 'comment') });
  });
}

/** What a pair of key and value may have beside them. */
interface PairDetails {
  readonly originalId: string | undefined;
  readonly description: string | undefined;
  readonly tags?: readonly string[];
  readonly originalWorkspace?: string | undefined;
}

function entryOfPair(secret: JsonObject, details: PairDetails): SourceEntry {
  const { originalId, description, tags, originalWorkspace } = details;
  return entryOfValue({
    name: textOf(secret, 'key') ?? '',
    value: secret['value'] ?? null,
    ...(originalId !== undefined && { originalId }),
    ...(description !== undefined && description !== '' && { description }),
    ...(tags && { tags }),
    ...(originalWorkspace !== undefined && { originalWorkspace }),
  });
}

/** A map from names to values or to fields, among them Doppler's export. */
function entriesOfObject(value: unknown): readonly SourceEntry[] {
  const all = Object.entries(isJsonObject(value) ? value : {});
  const isDoppler = [...dopplerNames].every((name) => all.some(([known]) => known === name));
  return all
    .filter(([name]) => !isDoppler || !dopplerNames.has(name))
    .map(([name, member]) => entryOfValue({ name, value: member }));
}

function objectsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function textOf(object: JsonObject, name: string): string | undefined {
  const value: JsonValue | undefined = object[name];
  return typeof value === 'string' ? value : undefined;
}
