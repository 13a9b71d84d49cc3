import { readFile } from 'node:fs/promises';
import { errorCode, ImportError, usageError } from './import-error.ts';
import type { SourceInput } from './source-input.ts';

/**
 * Reads the file of a source that is one file, as text.
 *
 * @throws ImportError where there is none, or it is neither UTF-8 nor UTF-16 with a byte order mark
 */
export async function readSourceFile(input: SourceInput): Promise<string> {
  const path = input.file ?? input.database;
  if (path === undefined) throw usageError('name the file to import, or - for the standard input');
  const bytes = path === '-' ? await input.readStandardInput() : await readBytes(path);
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  try {
    return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ImportError(`${path} is not UTF-8`);
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ImportError(`cannot read ${path}: ${errorCode(error) ?? 'unknown error'}`);
  }
}
