import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { errorCode, ImportError, usageError } from './import-error.ts';
import type { SourceContents } from './source-entry.ts';

/** What the user wrote, and the machine on which an import runs. */
export interface SourceInput {
  /** The file of a source that is one file; `-` for the standard input. */
  readonly file?: string;
  /** The path or URL of a database. */
  readonly database?: string;
  readonly dataDirectory?: string;
  readonly table?: string;
  /** The name of the one credential that gets all values of a file. */
  readonly credentialName?: string;
  /** The key or password that the user gave, as it was read: untrimmed. */
  readonly key?: KeyText;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readStandardInput(): Promise<Uint8Array>;
}

/** The text of a key and where it is from. */
export interface KeyText {
  readonly text: string;
  readonly origin: string;
}

/** A program or file format whose secrets can be read. */
export interface Source {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** @throws ImportError where nothing could be read */
  read(input: SourceInput): Promise<SourceContents>;
}

/** The forms in which a key may be meant: as it was read, without its last line break, and trimmed. */
export function formsOf(text: string): readonly string[] {
  return [...new Set([text, text.replace(/\r?\n$/, ''), text.trim()])].filter((form) => form !== '');
}

/** Reads a file of a source as text; undefined where there is none. */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new ImportError(`cannot read ${path}: ${errorCode(error) ?? 'unknown error'}`);
  }
}

/**
 * The keys that a source may have been encrypted under: the given one only, else a variable's and the files that exist.
 *
 * @throws ImportError where there is none; it names the places
 */
export async function findKeys(
  { key, environment }: SourceInput,
  places: { readonly variables: readonly string[]; readonly files: readonly string[] },
): Promise<readonly KeyText[]> {
  if (key) return [key];
  const set = places.variables.flatMap((name) => ({ text: environment[name] ?? '', origin: name }));
  const read = await Promise.all(
    places.files.map(async (path) => ({ text: (await readTextFile(path)) ?? '', origin: path })),
  );
  const found = [...set, ...read].filter(({ text }) => text !== '');
  if (found.length > 0) return found;
  const searched = [...places.variables, ...places.files].join(', ');
  throw usageError(`no key: give it with --key-file or --password-stdin (there is none in ${searched})`);
}

/**
 * The file of a source: the first that exists.
 *
 * @throws ImportError where there is none
 */
export function findFile(paths: readonly string[], option: string): string {
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) throw usageError(`there is no ${paths.join(', nor ')}: give the path with ${option}`);
  return found;
}
