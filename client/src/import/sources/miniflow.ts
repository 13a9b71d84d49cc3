import { findTable } from '../databases/find-table.ts';
import { withDatabase } from '../databases/open-database.ts';
import { isTrue, textOf, type SourceRow } from '../databases/source-database.ts';
import { openFernet, parseFernetKey, type FernetKey } from '../formats/fernet.ts';
import { ImportError, usageError } from '../reading/import-error.ts';
import { isJsonObject, parseJson } from '../reading/json.ts';
import { openAll, type KeyCandidate } from '../reading/open-entries.ts';
import { openedFields, type Opened, type SourceContents, type SourceEntry } from '../reading/source-entry.ts';
import { formsOf, type Source, type SourceInput } from '../reading/source-input.ts';

const columns = [
  'id',
  'workspace_id',
  'name',
  'credential_type',
  'credential_provider',
  'credential_data',
  'description',
  'is_active',
  'expires_at',
  'tags',
  'created_at',
  'is_deleted',
];
const shape = {
  usual: 'credentials',
  columns: ['id', 'workspace_id', 'name', 'credential_type', 'credential_provider', 'credential_data'],
};

/** MiniFlow's credentials, from whichever sqlite file or PostgreSQL its SQLAlchemy URL names. */
export const miniflow: Source = { name: 'miniflow', summary: 'the database of MiniFlow', read };

async function read(input: SourceInput): Promise<SourceContents> {
  if (input.database === undefined) {
    throw usageError("give MiniFlow's database with --database: the file, or the URL of its settings");
  }
  const candidates = findCandidates(input);
  const { rows, fault } = await withDatabase(input.database, async (database) => {
    const table = await findTable(database, shape, input.table);
    return database.read(table, columns, ['created_at']);
  });
  const kept = rows.filter((row) => !isTrue(row, 'is_deleted'));
  const sealed = kept.filter((row) => plaintextOf(row) === undefined);
  const { secrets, fault: keyFault } = openAll(sealed, candidates, open);
  const opened = new Map(sealed.map((row, index) => [row, secrets[index]]));
  const entries = kept.map((row) => entryOf(row, plaintextOf(row) ?? opened.get(row)));
  return { entries, faults: [fault, keyFault].filter((each) => each !== undefined) };
}

/** The key has no file: a MiniFlow without the variable made a random key in each process, and lost it when that stopped. */
function findCandidates({ key, environment }: SourceInput): readonly KeyCandidate<FernetKey>[] {
  const { text, origin } = key ?? { text: environment['ENCRYPTION_KEY'] ?? '', origin: 'ENCRYPTION_KEY' };
  if (text === '') {
    throw usageError(
      'no key: set ENCRYPTION_KEY, or use --key-file or --password-stdin. If MiniFlow ran without ENCRYPTION_KEY, it made a ' +
        'random key in each process and kept it nowhere: what that process stored is lost',
    );
  }
  const keys = formsOf(text).flatMap((form) => parseFernetKey(form) ?? []);
  if (keys.length === 0)
    throw new ImportError(`the key of ${origin} is neither 32 bytes in urlsafe base64 nor 64 hex digits`);
  return keys.map((each) => ({ key: each, origin }));
}

/** An object that MiniFlow stored before it encrypted; it shows nothing about the key. */
function plaintextOf(row: SourceRow): Opened | undefined {
  const value = parseJson(textOf(row, 'credential_data') ?? '');
  return isJsonObject(value) ? openedFields(value) : undefined;
}

/** The column is of JSON: the token is a string in it. */
function open(row: SourceRow, key: FernetKey): Opened {
  const column = textOf(row, 'credential_data') ?? '';
  const value = parseJson(column);
  return openFernet(typeof value === 'string' ? value : column, key);
}

function entryOf(row: SourceRow, secret: Opened | undefined): SourceEntry {
  const originalWorkspace = textOf(row, 'workspace_id');
  const description = textOf(row, 'description');
  const expiresAt = timeOf(textOf(row, 'expires_at'));
  const active = textOf(row, 'is_active');
  return {
    originalId: textOf(row, 'id') ?? '',
    name: textOf(row, 'name') ?? '',
    provider: textOf(row, 'credential_provider') ?? '',
    secret: secret ?? { state: 'damaged', reason: 'it has no ciphertext' },
    authType: (textOf(row, 'credential_type') ?? 'custom').toLowerCase(),
    tags: tagsOf(textOf(row, 'tags')),
    isInactive: active !== undefined && !isTrue(row, 'is_active'),
    ...(originalWorkspace !== undefined && { originalWorkspace }),
    ...(description !== undefined && description !== '' && { description }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

/** Parses a time as both databases format it, in UTC where it has no offset; undefined where it is none. */
function timeOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const iso = text
    .trim()
    .replace(' ', 'T')
    .replace(/([+-]\d{2})$/, '$1:00');
  const time = new Date(/(?:Z|[+-]\d{2}:?\d{2})$/.test(iso.slice(10)) ? iso : `${iso}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function tagsOf(text: string | undefined): readonly string[] {
  const value = parseJson(text ?? '');
  return Array.isArray(value) ? value.filter((tag) => typeof tag === 'string') : [];
}
