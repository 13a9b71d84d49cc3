import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { findTable } from '../databases/find-table.ts';
import { withDatabase } from '../databases/open-database.ts';
import { isTrue, textOf, type SourceDatabase, type SourceRow, type SourceRows } from '../databases/source-database.ts';
import { parseJsonObject } from '../reading/json.ts';
import { usageError } from '../reading/import-error.ts';
import { openAll } from '../reading/open-entries.ts';
import type { Opened, SourceContents, SourceEntry } from '../reading/source-entry.ts';
import { findFile, findKeys, formsOf, type KeyText, type Source, type SourceInput } from '../reading/source-input.ts';
import { openN8nData, withoutExpressions, type DataKey } from './n8n-data.ts';

const columns = ['id', 'name', 'type', 'data', 'isManaged', 'createdAt'];
const shape = { usual: 'credentials_entity', columns: ['id', 'name', 'type', 'data'] };

/** n8n's credentials, from its sqlite file or PostgreSQL. */
export const n8n: Source = { name: 'n8n', summary: 'the database of n8n', read };

interface N8nRows {
  readonly rows: readonly SourceRow[];
  readonly dataKeys: ReadonlyMap<string, DataKey>;
  readonly projects: ReadonlyMap<string, string>;
  readonly faults: readonly string[];
}

async function read(input: SourceInput): Promise<SourceContents> {
  const candidates = (await findN8nKeys(input)).flatMap(({ text, origin }) =>
    formsOf(text).map((key) => ({ key, origin })),
  );
  const store = await withDatabase(databaseOf(input), (database) => readStore(database, input.table));
  const open = (row: SourceRow, key: string) => openRow(row, key, store.dataKeys);
  const { secrets, fault } = openAll(store.rows, candidates, open);
  const entries = store.rows.map((row, index) => entryOf(row, store.projects, secrets[index]));
  return { entries, faults: fault === undefined ? store.faults : [...store.faults, fault] };
}

async function readStore(database: SourceDatabase, givenTable: string | undefined): Promise<N8nRows> {
  const table = await findTable(database, shape, givenTable);
  const prefix = table.endsWith(shape.usual) ? table.slice(0, -shape.usual.length) : '';
  const credentials = await database.read(table, columns, ['createdAt', 'id']);
  const keys = await readIfThere(database, `${prefix}deployment_key`, ['id', 'type', 'value', 'algorithm']);
  const shares = await readIfThere(database, `${prefix}shared_credentials`, ['credentialsId', 'projectId', 'role']);
  const faults = [credentials.fault, keys.fault, shares.fault].filter((fault) => fault !== undefined);
  const owners = shares.rows.filter((row) => textOf(row, 'role') === 'credential:owner');
  return {
    rows: credentials.rows,
    dataKeys: new Map(keys.rows.filter(isDataKey).map((row) => [textOf(row, 'id') ?? '', dataKeyOf(row)])),
    projects: new Map(owners.map((row) => [textOf(row, 'credentialsId') ?? '', textOf(row, 'projectId') ?? ''])),
    faults,
  };
}

/** Reads a table that older releases of n8n do not have. */
async function readIfThere(database: SourceDatabase, table: string, wanted: readonly string[]): Promise<SourceRows> {
  const known = (await database.tables()).get(table);
  return known && wanted.every((column) => known.has(column)) ? database.read(table, wanted) : { rows: [] };
}

function isDataKey(row: SourceRow): boolean {
  return textOf(row, 'type') === 'data_encryption';
}

function dataKeyOf(row: SourceRow): DataKey {
  return { wrapped: textOf(row, 'value') ?? '', algorithm: textOf(row, 'algorithm') ?? '' };
}

/** The instance key: a variable, the file that a variable names, or a member of the JSON file `config`. */
async function findN8nKeys(input: SourceInput): Promise<readonly KeyText[]> {
  const file = input.environment['N8N_ENCRYPTION_KEY_FILE'];
  const files = [...(file === undefined ? [] : [file]), join(folderOf(input), 'config')];
  const found = await findKeys(input, { variables: ['N8N_ENCRYPTION_KEY'], files });
  return found.map(({ text, origin }) => {
    const member = parseJsonObject(text)?.['encryptionKey'];
    return { text: typeof member === 'string' ? member : text, origin };
  });
}

function folderOf({ dataDirectory, environment, homeDirectory }: SourceInput): string {
  return dataDirectory ?? join(environment['N8N_USER_FOLDER'] ?? homeDirectory, '.n8n');
}

function databaseOf(input: SourceInput): string {
  if (input.database !== undefined) return input.database;
  const type = input.environment['DB_TYPE'];
  if (input.dataDirectory === undefined && type !== undefined && type !== 'sqlite') {
    throw usageError(`DB_TYPE is ${type}: give the URL of the database with --database`);
  }
  const file = input.environment['DB_SQLITE_DATABASE'] ?? 'database.sqlite';
  return findFile([resolve(folderOf(input), file)], '--database');
}

function openRow(row: SourceRow, instanceKey: string, dataKeys: ReadonlyMap<string, DataKey>): Opened {
  if (isTrue(row, 'isManaged')) return { state: 'reference', reason: 'n8n manages the value itself' };
  const wrappingKey = createHash('sha256').update(instanceKey).digest();
  return openN8nData(textOf(row, 'data') ?? '', { instanceKey, wrappingKey, dataKeys });
}

function entryOf(row: SourceRow, projects: ReadonlyMap<string, string>, opened?: Opened): SourceEntry {
  const id = textOf(row, 'id') ?? '';
  const originalWorkspace = projects.get(id);
  return {
    originalId: id,
    name: textOf(row, 'name') ?? '',
    provider: textOf(row, 'type') ?? '',
    ...withoutExpressions(opened ?? { state: 'damaged', reason: 'it has no ciphertext' }),
    ...(originalWorkspace !== undefined && { originalWorkspace }),
  };
}
