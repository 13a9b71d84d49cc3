import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Coffer } from '../../src/coffer.ts';
import { isComplete } from '../../src/import/report.ts';
import { runImport, type ImportReport, type ImportRequest } from '../../src/import/run-import.ts';
import type { SourceInput } from '../../src/import/reading/source-input.ts';
import { sources } from '../../src/import/sources/index.ts';
import type { TestCoffer } from '../../../test/support/coffer.ts';
import { sealAsFernet, sealAsOldN8n } from './sealing.ts';
import {
  fishnetKey,
  flowiseKey,
  inputOf,
  keyText,
  miniflowColumns,
  miniflowRow,
  n8nColumns,
  n8nRow,
  writeFishnet,
  writeFlowise,
  writeSqlite,
  writeText,
} from './stores.ts';

/** How a test imports. */
export interface ImportOptions extends Partial<Pick<ImportRequest, 'isApplied' | 'isVerified' | 'sourceWorkspace'>> {
  readonly token?: string;
  readonly workspace?: string;
  readonly url?: string;
}

/** Imports into a Coffer, by default with its admin key into the default workspace, storing and verifying. */
export async function importInto(
  coffer: TestCoffer,
  name: string,
  input: SourceInput,
  { token = coffer.adminToken, workspace = 'default', url = coffer.origin, ...more }: ImportOptions = {},
): Promise<ImportReport> {
  const source = sources.find((each) => each.name === name);
  if (!source) throw new Error(`there is no source ${name}`);
  const access = { coffer: new Coffer({ url, token }), workspaceId: workspace, url, token };
  return runImport({ source, input, access, isApplied: true, isVerified: true, onProgress: () => {}, ...more });
}

/** What of a report tests compare: each state with its count, and whether nothing is missing. */
export function outcomeOf(report: ImportReport) {
  return { states: countsOf(report.rows.map(({ state }) => state)), isComplete: isComplete(report) };
}

/** How often each text is there. */
function countsOf(texts: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...new Set(texts)].map((text) => [text, texts.filter((each) => each === text).length]));
}

/** A store with secrets that are only in it, and what the user gives to import it. */
export interface SampleStore {
  readonly source: string;
  /** The origin of its credentials in the vault. */
  readonly origin: string;
  readonly input: SourceInput;
  readonly secrets: readonly object[];
}

const miniflowKey = randomBytes(32);
const n8nKey = 'the key of an n8n';

/** Writes a store of each source, with two secrets that hold the given text. */
export async function writeSamples(folder: string, text: string): Promise<readonly SampleStore[]> {
  const values = [`${text}-1`, `${text}-2`];
  return [
    {
      source: 'flowise',
      origin: 'flowise',
      input: inputOf({ database: writeFlowise(join(folder, 'flowise'), values), ...keyText(flowiseKey) }),
      secrets: values.map((openAIApiKey) => ({ openAIApiKey })),
    },
    { source: 'n8n', origin: 'coffer', ...writeN8n(folder, values) },
    {
      source: 'fishnet',
      origin: 'fishnet',
      input: inputOf({
        database: await writeFishnet(join(folder, 'fishnet'), values),
        ...keyText(`derived_hex:v1:${fishnetKey.toString('hex')}`),
      }),
      secrets: values.map((key) => ({ key })),
    },
    { source: 'miniflow', origin: 'miniflow', ...writeMiniflow(folder, values) },
    {
      source: 'dotenv',
      origin: 'coffer',
      input: inputOf({
        file: writeText(join(folder, '.env'), values.map((value, index) => `ENV_${index}=${value}\n`).join('')),
      }),
      secrets: values.map((value) => ({ value })),
    },
    {
      source: 'json',
      origin: 'coffer',
      input: inputOf({
        file: writeText(join(folder, 'all.json'), JSON.stringify({ JSON_1: values[0], JSON_2: { a: values[1] } })),
      }),
      secrets: [{ value: values[0] }, { a: values[1] }],
    },
  ];
}

function writeN8n(folder: string, values: readonly string[]) {
  const rows = values.map((apiKey, index) => n8nRow(`n8nCredential${index}`, sealAsOldN8n({ apiKey }, n8nKey)));
  const database = writeSqlite(join(folder, 'n8n', 'database.sqlite'), {
    credentials_entity: { columns: n8nColumns.credentials, rows },
  });
  return { input: inputOf({ database, ...keyText(n8nKey) }), secrets: values.map((apiKey) => ({ apiKey })) };
}

function writeMiniflow(folder: string, values: readonly string[]) {
  const [first = '', second = ''] = values;
  const slack = { bot_token: `xoxb-${second}`, signing_secret: second };
  const rows = [
    miniflowRow('MiniFlow 1', sealAsFernet({ api_key: first }, miniflowKey)),
    miniflowRow('MiniFlow 2', sealAsFernet(slack, miniflowKey), {
      credential_type: 'SLACK',
      credential_provider: 'SLACK',
    }),
  ];
  const database = writeSqlite(join(folder, 'miniflow.db'), { credentials: { columns: miniflowColumns, rows } });
  return {
    input: inputOf({ database, ...keyText(miniflowKey.toString('base64url')) }),
    secrets: [{ api_key: first }, slack],
  };
}
