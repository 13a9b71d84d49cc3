import { join } from 'node:path';
import { findTable } from '../databases/find-table.ts';
import { withDatabase } from '../databases/open-database.ts';
import { textOf, type SourceRow } from '../databases/source-database.ts';
import { openSalted } from '../formats/openssl-salted.ts';
import { usageError } from '../reading/import-error.ts';
import { openAll } from '../reading/open-entries.ts';
import { openedFields, type Opened, type SourceContents, type SourceEntry } from '../reading/source-entry.ts';
import { findFile, findKeys, formsOf, type Source, type SourceInput } from '../reading/source-input.ts';

/** What Flowise's interface shows in place of a value. A client that sent it back destroyed the value in the original. */
const blankMarker = '_FLOWISE_BLANK_07167752-1a71-43b1-bf8f-4f32252165db';

/** The beginning of the id of a secret in AWS Secrets Manager, which takes the place of a ciphertext. */
const awsPrefix = 'FlowiseCredential_';

const columns = ['id', 'name', 'credentialName', 'encryptedData', 'workspaceId', 'createdDate'];
const shape = { usual: 'credential', columns: ['id', 'name', 'credentialName', 'encryptedData'] };

/** Flowise's credentials, from its sqlite file or PostgreSQL. */
export const flowise: Source = { name: 'flowise', summary: 'the database of Flowise', read };

async function read(input: SourceInput): Promise<SourceContents> {
  const candidates = (await findFlowiseKeys(input)).flatMap(({ text, origin }) =>
    formsOf(text).map((form) => ({ key: Buffer.from(form), origin })),
  );
  const { rows, fault } = await withDatabase(databaseOf(input), async (database) => {
    const table = await findTable(database, shape, input.table);
    return database.read(table, columns, ['createdDate']);
  });
  const { secrets, fault: keyFault } = openAll(rows, candidates, open);
  const entries = rows.map((row, index) => entryOf(row, secrets[index]));
  return { entries, faults: [fault, keyFault].filter((each) => each !== undefined) };
}

function findFlowiseKeys(input: SourceInput) {
  const { environment, homeDirectory, dataDirectory } = input;
  if (!input.key && environment['SECRETKEY_STORAGE_TYPE'] === 'aws') {
    throw usageError('the key is in AWS Secrets Manager: give it with --key-file or --password-stdin');
  }
  const folders = [dataDirectory, environment['SECRETKEY_PATH'], join(homeDirectory, '.flowise')];
  const files = folders.filter((folder) => folder !== undefined).map((folder) => join(folder, 'encryption.key'));
  return findKeys(input, { variables: ['FLOWISE_SECRETKEY_OVERWRITE'], files });
}

function databaseOf({ database, dataDirectory, environment, homeDirectory }: SourceInput): string {
  if (database !== undefined) return database;
  const type = environment['DATABASE_TYPE'];
  if (dataDirectory === undefined && type !== undefined && type !== 'sqlite') {
    throw usageError(`DATABASE_TYPE is ${type}: give the URL of the database with --database`);
  }
  const folder = dataDirectory ?? environment['DATABASE_PATH'] ?? join(homeDirectory, '.flowise');
  return findFile([join(folder, 'database.sqlite')], '--database');
}

function open(row: SourceRow, passphrase: Uint8Array): Opened {
  const sealed = textOf(row, 'encryptedData') ?? '';
  if (sealed.startsWith(awsPrefix)) return { state: 'reference', reason: 'the value is in AWS Secrets Manager' };
  const opened = openSalted(sealed, passphrase);
  if (opened.state !== 'opened') return opened;
  const kept = Object.entries(opened.fields).filter(([, value]) => value !== blankMarker);
  if (kept.length > 0) return openedFields(Object.fromEntries(kept));
  return { state: 'damaged', reason: 'Flowise replaced all values by its marker' };
}

function entryOf(row: SourceRow, secret: Opened | undefined): SourceEntry {
  const originalWorkspace = textOf(row, 'workspaceId');
  return {
    originalId: textOf(row, 'id') ?? '',
    name: textOf(row, 'name') ?? '',
    provider: textOf(row, 'credentialName') ?? '',
    secret: secret ?? { state: 'damaged', reason: 'it has no ciphertext' },
    ...(originalWorkspace !== undefined && { originalWorkspace }),
  };
}
