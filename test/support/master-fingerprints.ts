import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MasterKey, parseMasterKey } from '../../src/encryption/master-key.ts';
import { loadSodium } from '../../src/encryption/sodium.ts';

/** The fingerprints of the different keys in a data directory: in `master.key` and the files beside it. */
export async function masterFingerprintsIn(folder: string): Promise<readonly string[]> {
  const sodium = await loadSodium();
  const names = (await readdir(folder)).filter((name) => name.startsWith('master.key'));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return [...new Set(texts)].map((text) => {
    return MasterKey.fromBytes(sodium, parseMasterKey(text.trim()) ?? new Uint8Array()).fingerprint;
  });
}
