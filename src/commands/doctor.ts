import { pino } from 'pino';
import { ConfigError, type Config } from '../config/config.ts';
import { readPostmasterFile } from '../embedded/postmaster-process.ts';
import { clusterPath } from '../embedded/cluster.ts';
import { examine } from '../start/doctor/examine.ts';
import { fault, ok, type Finding } from '../start/doctor/finding.ts';
import { explainError } from '../start/explain-error.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { SystemClock } from '../vault/time.ts';
import { readHeadsFile } from './audit-verify.ts';
import { connectToVault } from './open-vault.ts';
import { parseOptions } from './options.ts';
import { ProgressReport } from './progress-report.ts';

/** How many versions are opened without `--all`. */
const sampleSize = 1_000;

/**
 * Examines the configuration, the machine, the database, the keys and the rows of a vault, and changes nothing. Findings go to the
 * standard output, a line each, or with `--json` as one object at the end; progress goes to the standard error. A server may be
 * running.
 *
 * @returns the exit code: 1 where a fault was found, else 0
 * @throws UsageError
 */
export async function doctor(
  loadConfig: () => Promise<Config>,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const options = { all: { type: 'boolean' }, heads: { type: 'string' }, json: { type: 'boolean' } } as const;
  const { all = false, heads, json = false } = parseOptions(parameters, options);
  const expected = heads === undefined ? new Map() : await readHeadsFile(heads);
  const findings: Finding[] = [];
  const report = new ProgressReport(process.stderr);
  const add = (finding: Finding): void => {
    findings.push(finding);
    if (!json) report.print(process.stdout, describe(finding));
  };
  const config = await configurationOf(loadConfig, add);
  if (config) {
    await using stack = new AsyncDisposableStack();
    try {
      const connection = await connectToVault(config, stack, stopping);
      const serverPid = await pidOf(config);
      const parts = {
        config,
        connection,
        clock: new SystemClock(),
        log: pino({ level: 'silent' }),
        signal: stopping.requested,
      };
      const versionsMax = all ? Number.POSITIVE_INFINITY : sampleSize;
      await examine(
        { ...parts, expected, versionsMax, serverPid },
        { add, onProgress: (...at) => report.onProgress(...at) },
      );
    } catch (error) {
      stopping.requested.throwIfAborted();
      add(fault('database', explainError(error)));
    }
  }
  const isHealthy = findings.every(({ state }) => state !== 'fault');
  if (json) process.stdout.write(`${JSON.stringify({ healthy: isHealthy, findings })}\n`);
  return isHealthy ? 0 : 1;
}

/** The embedded PostgreSQL has the limits of the server that started it. */
async function pidOf({ database, dataDir }: Config): Promise<number | undefined> {
  return database.kind === 'embedded' ? (await readPostmasterFile(clusterPath(dataDir)))?.processId : undefined;
}

async function configurationOf(
  loadConfig: () => Promise<Config>,
  add: (finding: Finding) => void,
): Promise<Config | undefined> {
  const check = 'configuration';
  try {
    const config = await loadConfig();
    add(ok(check, 'all settings can be used'));
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) add(fault(check, problem, 'see docs/configuration.md'));
    return undefined;
  }
}

function describe({ check, message, remedy, state }: Finding): string {
  return `${state.padEnd('skipped'.length)}  ${check}: ${message}${remedy === undefined ? '' : `; ${remedy}`}`;
}
