import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { readText } from './read-text.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const fileName = 'value';

/**
 * Lets the user write a text in `$VISUAL` or `$EDITOR`, by default `vi`, in an empty file of mode 0600 that is removed afterwards.
 *
 * The file is in a folder of mode 0700 in `$XDG_RUNTIME_DIR`, which is kept in memory, or else in the temporary folder.
 *
 * @throws CommandError if the editor fails
 */
export async function editText(environment: Environment): Promise<string> {
  const folder = await mkdtemp(join(environment['XDG_RUNTIME_DIR'] || tmpdir(), 'coffer-'));
  try {
    const path = join(folder, fileName);
    await writeFile(path, '', { mode: 0o600 });
    await runEditor(environment, folder);
    return await readText(createReadStream(path), 'the text');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** By a shell, as Git does, so that the variable may contain arguments: `code --wait`. */
async function runEditor(environment: Environment, cwd: string): Promise<void> {
  const editor = environment['VISUAL'] || environment['EDITOR'] || 'vi';
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  const child = spawn(`${editor} ${fileName}`, { shell: true, cwd, env: environment, stdio: 'inherit' });
  child.on('error', reject);
  child.on('exit', resolve);
  const code = await promise;
  if (code !== 0) throw new CommandError(exitCodes.error, 'the editor failed, and nothing was stored');
}
