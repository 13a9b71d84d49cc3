import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';

/** The permissions of anyone but the owner. */
const othersMode = 0o077;

/** Warns of each file with a key or a password that others than its owner may read or write; nothing of it is shown. */
export async function warnOfSharedKeyFiles(paths: readonly string[], log: Pick<Logger, 'warn'>): Promise<void> {
  // Windows has no such permissions, and shows all of them set.
  if (process.platform === 'win32') return;
  for (const path of new Set(paths)) {
    // What cannot be read is refused by those who need it.
    const mode = await stat(path).then(
      (stats) => stats.mode & 0o777,
      () => 0,
    );
    if ((mode & othersMode) === 0) continue;
    const shown = `0${mode.toString(8)}`;
    log.warn({ path, mode: shown }, 'a key file is open to others than its owner: run "chmod 600" on it');
  }
}
