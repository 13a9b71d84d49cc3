import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import type { Environment } from '../../src/config/config.ts';
import { attachEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { examine } from '../../src/start/doctor/examine.ts';
import { readConfig } from '../../src/start/read-config.ts';
import type { AuditHead } from '../../src/vault/audit/audit-chain.ts';
import { SystemClock } from '../../src/vault/time.ts';

/**
 * Examines a vault as `doctor --all` does, in this process: opens its keys with what the environment gives, verifies the trail and
 * every row, and opens all versions.
 *
 * @returns the faults; the settings of a test's own database, which loses what a crash interrupts, are none
 */
export async function faultsOfVault(
  environment: Environment,
  expected: ReadonlyMap<string, AuditHead> = new Map(),
): Promise<readonly string[]> {
  const config = readConfig(environment, (path) => readFileSync(path, 'utf8'));
  const { database, dataDir } = config;
  const connection = database.kind === 'server' ? { url: database.url } : await attachEmbeddedPostgres(dataDir);
  if (!connection) throw new Error('no PostgreSQL serves the data directory');
  const faults: string[] = [];
  const parts = { config, connection, clock: new SystemClock(), log: pino({ level: 'silent' }) };
  await examine(
    { ...parts, expected, versionsMax: Number.POSITIVE_INFINITY, serverPid: undefined },
    {
      add: ({ check, message, state }) => state === 'fault' && faults.push(`${check}: ${message}`),
      onProgress: () => undefined,
    },
  );
  return faults.filter((fault) => !fault.startsWith('database settings: '));
}
