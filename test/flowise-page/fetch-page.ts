import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Fetches Flowise's published page from npm, without installing it, and answers the folder of its build.
 *
 * @param spec what `npm pack` takes: `flowise-ui@3.1.4`
 * @param folder empty; everything is put in there
 */
export async function fetchPage(spec: string, folder: string): Promise<string> {
  await run('npm', ['pack', spec, '--silent', '--ignore-scripts', '--pack-destination', folder]);
  const [archive] = await readdir(folder);
  if (archive === undefined) throw new Error(`npm packed nothing for ${spec}`);
  await run('tar', ['-xzf', join(folder, archive), '-C', folder]);
  return join(folder, 'package', 'build');
}
