import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { SourceInput } from '../../src/import/reading/source-input.ts';
import { sealAsFishnet, sealAsFlowise } from './sealing.ts';

/** A folder that is deleted after the suite in which it is made. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'coffer-stores-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** What a user without any option and variable gives to a source; their home is an absent folder. */
export function inputOf(given: Partial<SourceInput>): SourceInput {
  return {
    environment: {},
    homeDirectory: join(tmpdir(), randomUUID()),
    readStandardInput: async () => new Uint8Array(),
    ...given,
  };
}

/** A key as the user gives it. */
export function keyText(text: string) {
  return { key: { text, origin: 'the test' } };
}

/** Writes a file and the folders above it, and returns its path. */
export function writeText(path: string, text: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Makes an sqlite database with one table for each entry. */
export function writeSqlite(path: string, tables: Readonly<Record<string, TableContent>>): string {
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  for (const [table, content] of Object.entries(tables)) fillTable(database, table, content);
  database.close();
  return path;
}

/** The columns of a table as SQL, and its rows. */
export interface TableContent {
  readonly columns: string;
  readonly rows: readonly Readonly<Record<string, SQLInputValue>>[];
}

/** Creates a table and inserts rows. */
export function fillTable(database: DatabaseSync, table: string, { columns, rows }: TableContent): void {
  database.exec(`create table "${table}" (${columns})`);
  for (const row of rows) {
    const names = Object.keys(row).map((name) => `"${name}"`);
    const places = names.map(() => '?').join(', ');
    database.prepare(`insert into "${table}" (${names.join(', ')}) values (${places})`).run(...Object.values(row));
  }
}

/** Flowise's table, as its migrations leave it. */
export const flowiseColumns = `"id" varchar primary key not null, "name" varchar not null, "credentialName" varchar not null,
  "encryptedData" text not null, "createdDate" datetime not null default (datetime('now')),
  "updatedDate" datetime not null default (datetime('now')), "workspaceId" text`;

export const flowiseKey = 'hhzSWFGOXvpYWzVnzQqFQhJjq4dNfQ5b';

/** A row of Flowise's table. */
export function flowiseRow(name: string, encryptedData: string, id: string = randomUUID()) {
  return { id, name, credentialName: 'openAIApi', encryptedData, createdDate: '2024-01-01 00:00:00' };
}

/** Writes Flowise's database with credentials of one OpenAI key each. */
export function writeFlowise(folder: string, values: readonly string[], key = flowiseKey): string {
  const rows = values.map((value, index) =>
    flowiseRow(`Flowise ${index + 1}`, sealAsFlowise({ openAIApiKey: value }, key)),
  );
  return writeSqlite(join(folder, 'database.sqlite'), { credential: { columns: flowiseColumns, rows } });
}

/** n8n's tables. */
export const n8nColumns = {
  credentials: `"id" varchar(36) primary key not null, "name" varchar(128) not null, "data" text not null,
    "type" varchar(128) not null, "createdAt" datetime(3) not null, "updatedAt" datetime(3) not null,
    "isManaged" boolean not null default (false)`,
  deploymentKeys: `"id" varchar(36) primary key not null, "type" varchar(64) not null, "value" text not null,
    "algorithm" varchar(20), "status" varchar(20) not null`,
  shares: `"credentialsId" varchar(36) not null, "projectId" varchar(36) not null, "role" text not null`,
} as const;

/** A row of n8n's table. */
export function n8nRow(id: string, data: string, more: Readonly<Record<string, SQLInputValue>> = {}) {
  const time = '2024-01-01 00:00:00.000';
  return { id, name: `n8n ${id}`, type: 'openAiApi', data, createdAt: time, updatedAt: time, ...more };
}

/** MiniFlow's table, as SQLAlchemy creates it. */
export const miniflowColumns = `id varchar(20) not null, workspace_id varchar(20) not null, owner_id varchar(20) not null,
  name varchar(100) not null, credential_type varchar(19) not null, credential_provider varchar(9), description text,
  credential_data json not null, is_active boolean not null, expires_at datetime, last_used_at datetime, tags json,
  created_at datetime, primary key (id)`;

/** A row of MiniFlow's table; the token is a JSON string there. */
export function miniflowRow(name: string, token: string, more: Readonly<Record<string, SQLInputValue>> = {}) {
  return {
    id: `CRD-${randomUUID().replaceAll('-', '').slice(0, 16).toUpperCase()}`,
    workspace_id: 'WSP-0123456789ABCDEF',
    owner_id: 'USR-0123456789ABCDEF',
    name,
    credential_type: 'API_KEY',
    credential_provider: 'OPENAI',
    credential_data: JSON.stringify(token),
    is_active: 1,
    created_at: '2024-01-01 00:00:00.000000',
    ...more,
  };
}

/** The password of `fishnetKey` under `fishnetSalt`, as another implementation of Argon2id derived it. */
export const fishnetPassword = 'correct horse battery staple';
export const fishnetSalt = Buffer.from('0123456789abcdef');
export const fishnetKey = Buffer.from('e89b4af1af384e6e873cb58a6bceedad3cfbfafdf940910af1ccfcfd757ba106', 'hex');

/** Fishnet's tables. */
export const fishnetColumns = {
  credentials: `id text primary key, service text not null, name text not null, encrypted_key blob not null,
    nonce blob not null, created_at integer not null, last_used_at integer`,
  meta: 'key text primary key, value blob not null',
} as const;

/** A row of Fishnet's table. */
export async function fishnetRow(name: string, text: string) {
  const { box, nonce } = await sealAsFishnet(text, fishnetKey);
  return { id: randomUUID(), service: 'openai', name, encrypted_key: box, nonce, created_at: 1_700_000_000 };
}

/** The rows by which Fishnet checks a key. */
export async function fishnetMeta() {
  const { box, nonce } = await sealAsFishnet('fishnet-vault-canary-v1', fishnetKey);
  return [
    { key: 'salt', value: fishnetSalt },
    { key: 'canary', value: Buffer.concat([nonce, box]) },
  ];
}

/** Writes Fishnet's vault with these keys. */
export async function writeFishnet(folder: string, values: readonly string[]): Promise<string> {
  const rows = await Promise.all(values.map((value, index) => fishnetRow(`Fishnet ${index + 1}`, value)));
  return writeSqlite(join(folder, 'vault.db'), {
    credentials: { columns: fishnetColumns.credentials, rows },
    vault_meta: { columns: fishnetColumns.meta, rows: await fishnetMeta() },
  });
}
