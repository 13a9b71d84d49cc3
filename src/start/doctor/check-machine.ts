import { readFile, stat } from 'node:fs/promises';
import type { Config } from '../../config/config.ts';
import { adminKeyFile } from '../keys/first-admin-key.ts';
import { masterKeyFile } from '../keys/file-origin.ts';
import { fault, ok, skipped, warning, type Finding } from './finding.ts';

/** The permissions of others that a data directory may not have: as root, its accounts may pass through. */
const directoryMode = 0o066;
const fileMode = 0o077;

/** Checks that only its owner can read the data directory and the files that hold keys. */
export async function checkFiles(config: Config): Promise<readonly Finding[]> {
  const check = 'file permissions';
  if (process.platform === 'win32') return [skipped(check, 'this system has no permissions of this kind')];
  const embedded = config.database.kind === 'embedded' ? [masterKeyFile(config), adminKeyFile(config)] : [];
  const paths = [...new Set([...config.keyFiles, ...embedded])];
  const places = [{ path: config.dataDir, mask: directoryMode }, ...paths.map((path) => ({ path, mask: fileMode }))];
  const findings: Finding[] = [];
  for (const { mask, path } of places) {
    const mode = await modeOf(path);
    if (mode === undefined || (mode & mask) === 0) continue;
    const repaired = mask === directoryMode ? 'chmod 700' : 'chmod 600';
    findings.push(fault(check, `${path} is open to others (mode ${mode.toString(8)})`, `run "${repaired}" on it`));
  }
  return findings.length > 0 ? findings : [ok(check, 'the data directory and the key files are for their owner only')];
}

async function modeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    (stats) => stats.mode & 0o777,
    () => undefined,
  );
}

/**
 * Checks that a crash would write no memory, which contains keys, to the disk.
 *
 * @param pid of the running server, or of this process where none runs
 * @see proc_pid_limits(5)
 */
export async function checkCoreDumps(pid: number | 'self'): Promise<Finding> {
  const check = 'core dumps';
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8').catch(() => undefined);
  const soft = limits === undefined ? undefined : /^Max core file size +(\S+)/m.exec(limits)?.[1];
  if (soft === undefined) return skipped(check, 'the limits of the process cannot be read on this system');
  if (soft === '0') return ok(check, 'are off');
  const message = `are on (${soft === 'unlimited' ? soft : `${soft} bytes`}): a crash would write the keys to the disk`;
  return warning(check, message, 'start Coffer by "npm start" or after "ulimit -c 0", or set LimitCORE=0 in its unit');
}
