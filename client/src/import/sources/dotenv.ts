import { parseEnv } from 'node:util';
import { readSourceFile } from '../reading/read-file.ts';
import type { SourceContents, SourceEntry } from '../reading/source-entry.ts';
import type { Source, SourceInput } from '../reading/source-input.ts';
import { combineEntries, entryOfValue } from './flat-values.ts';

/** A file of variables, as `.env`. */
export const dotenv: Source = { name: 'dotenv', summary: 'a .env file', read };

async function read(input: SourceInput): Promise<SourceContents> {
  const variables = Object.entries(parseEnv(await readSourceFile(input)));
  const entries = variables.map(([name, value = '']) => entryOf(name, value));
  return {
    entries: input.credentialName === undefined ? entries : combineEntries(entries, input.credentialName),
    faults: [],
  };
}

/** A value keeps its quote if that is never closed, as in a file that was cut off. */
function entryOf(name: string, value: string): SourceEntry {
  const entry = entryOfValue({ name, value });
  const quote = value[0] ?? '';
  if (!['"', "'", '`'].includes(quote) || value.indexOf(quote, 1) !== -1) return entry;
  return { ...entry, secret: { state: 'damaged', reason: 'its quote is not closed' } };
}
