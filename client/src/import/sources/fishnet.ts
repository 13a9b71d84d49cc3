// A named import would fail to load under a Node that has no argon2.
import * as nodeCrypto from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withDatabase } from '../databases/open-database.ts';
import { textOf, type SourceDatabase, type SourceRow, type SourceRows } from '../databases/source-database.ts';
import { findTable } from '../databases/find-table.ts';
import { openSecretbox, secretboxKeyBytes, secretboxNonceBytes } from '../formats/secretbox.ts';
import { ImportError } from '../reading/import-error.ts';
import { requireNode } from '../reading/require-node.ts';
import { openedFields, type Opened, type SourceContents, type SourceEntry } from '../reading/source-entry.ts';
import { findFile, findKeys, type KeyText, type Source, type SourceInput } from '../reading/source-input.ts';

const columns = ['id', 'service', 'name', 'encrypted_key', 'nonce', 'created_at'];
const shape = { usual: 'credentials', columns: ['id', 'service', 'name', 'encrypted_key', 'nonce'] };
const canaryText = 'fishnet-vault-canary-v1';
const derivedKeyPattern = /^derived_hex:v1:([0-9a-fA-F]{64})$/;

/** Fishnet's fixed cost of its master password. */
const argon2Cost = { parallelism: 1, tagLength: secretboxKeyBytes, memory: 262_144, passes: 3 } as const;

/** Fishnet's `vault.db`. */
export const fishnet: Source = { name: 'fishnet', summary: "Fishnet's vault.db", read };

interface VaultRows {
  readonly credentials: SourceRows;
  readonly salt: Uint8Array | undefined;
  readonly canary: Uint8Array | undefined;
}

async function read(input: SourceInput): Promise<SourceContents> {
  const [given] = await findKeys(input, { variables: ['FISHNET_MASTER_PASSWORD'], files: [] });
  const { credentials, salt, canary } = await withDatabase(pathOf(input), (database) =>
    readVault(database, input.table),
  );
  const key = given && (await keyOf(given, salt));
  if (!key || !canary)
    throw new ImportError('the vault has no canary, by which the key is checked: it is not complete');
  if (!opensCanary(canary, key)) throw new ImportError(`wrong key: that of ${given.origin} does not open the vault`);
  const entries = credentials.rows.map((row) => entryOf(row, open(row, key)));
  return { entries, faults: credentials.fault === undefined ? [] : [credentials.fault] };
}

async function readVault(database: SourceDatabase, givenTable: string | undefined): Promise<VaultRows> {
  const table = await findTable(database, shape, givenTable);
  const meta = await database.read(await findTable(database, { usual: 'vault_meta', columns: ['key', 'value'] }), [
    'key',
    'value',
  ]);
  const valueOf = (key: string) => bytesOf(meta.rows.find((row) => textOf(row, 'key') === key)?.['value']);
  return {
    credentials: await database.read(table, columns, ['created_at']),
    salt: valueOf('salt'),
    canary: valueOf('canary'),
  };
}

function pathOf({ database, dataDirectory, environment, homeDirectory }: SourceInput): string {
  if (database !== undefined) return database;
  const usual = ['/var/lib/fishnet', '/Library/Application Support/Fishnet', join(homeDirectory, '.fishnet')];
  const chosen = dataDirectory ?? environment['FISHNET_DATA_DIR'];
  const folders = chosen === undefined ? usual : [chosen];
  return findFile(
    folders.map((folder) => join(folder, 'vault.db')),
    '--data-dir or --database',
  );
}

/** The key that a keychain has, or the one that the master password derives. */
async function keyOf({ text, origin }: KeyText, salt: Uint8Array | undefined): Promise<Uint8Array> {
  const derived = derivedKeyPattern.exec(text.trim())?.[1];
  if (derived !== undefined) return Buffer.from(derived, 'hex');
  if (text.trim().startsWith('derived_hex:')) throw new ImportError(`${origin} has no derived_hex:v1: key of 32 bytes`);
  if (!salt) throw new ImportError('the vault has no salt, without which no password opens it');
  requireNode("deriving Fishnet's key");
  const message = text.replace(/\r?\n$/, '');
  return promisify(nodeCrypto.argon2)('argon2id', { message, nonce: salt, ...argon2Cost });
}

function opensCanary(canary: Uint8Array, key: Uint8Array): boolean {
  const nonce = canary.subarray(0, secretboxNonceBytes);
  const opened = openSecretbox(canary.subarray(secretboxNonceBytes), nonce, key);
  return opened !== undefined && Buffer.from(opened).equals(Buffer.from(canaryText));
}

/** The canary has shown that the key is right: what does not open is damaged. */
function open(row: SourceRow, key: Uint8Array): Opened {
  const [box, nonce] = [bytesOf(row['encrypted_key']), bytesOf(row['nonce'])];
  const opened = box && nonce && openSecretbox(box, nonce, key);
  if (!opened) return { state: 'damaged', reason: 'it was changed or cut off' };
  try {
    const value = new TextDecoder('utf-8', { fatal: true }).decode(opened);
    if (value.trim() === '') return { state: 'empty', reason: 'the key is empty' };
    return openedFields({ key: value });
  } catch {
    return { state: 'damaged', reason: 'the key is not UTF-8' };
  }
}

function bytesOf(value: SourceRow[string] | undefined): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}

function entryOf(row: SourceRow, secret: Opened): SourceEntry {
  return {
    originalId: textOf(row, 'id') ?? '',
    name: textOf(row, 'name') ?? '',
    provider: textOf(row, 'service') ?? '',
    secret,
  };
}
