import { readFile } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { parseHead, type AuditHead } from '../vault/audit/audit-chain.ts';
import { parseId } from '../vault/ids.ts';
import { describeLoss } from '../vault/audit/trail-loss.ts';
import { openVault } from './open-vault.ts';
import { parseOptions } from './options.ts';
import { ProgressReport } from './progress-report.ts';
import { UsageError } from './usage.ts';

/**
 * Verifies the audit trail and the rows that it describes. Progress and faults go to the standard error as they occur, the
 * heads of all streams to the standard output as one line of JSON. A server may be running.
 *
 * @returns the exit code: 0 where everything is as it was written, else 1
 * @throws UsageError
 */
export async function auditVerify(
  config: Config,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const options = await readOptions(parameters);
  await using stack = new AsyncDisposableStack();
  const { keyring, trailVerifier } = (await openVault(config, stack, stopping)).instance;
  const report = new ProgressReport(process.stderr);
  const { acknowledgedLosses, eventCount, faults, heads, intact } = await trailVerifier.verify(options.expected, {
    verified: options.verified,
    observer: report,
    signal: stopping.requested,
  });
  for (const loss of acknowledgedLosses) report.line(`loss acknowledged: ${describeLoss(loss)}`);
  const found = intact ? 'everything is as it was written' : `${faults.length} faults were found`;
  report.line(`${eventCount} events of instance ${keyring.instanceId} are verified: ${found}`);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(heads))}\n`);
  return intact ? 0 : 1;
}

type Heads = ReadonlyMap<string, AuditHead>;

async function readOptions(
  parameters: readonly string[],
): Promise<{ readonly expected: Heads; readonly verified: Heads }> {
  const types = { heads: { type: 'string' }, continue: { type: 'boolean' } } as const;
  const { continue: isContinued, heads: file } = parseOptions(parameters, types);
  if (isContinued && file === undefined) throw new UsageError('--continue needs --heads FILE');
  const expected = file === undefined ? new Map<string, AuditHead>() : await readHeadsFile(file);
  return { expected, verified: isContinued ? expected : new Map() };
}

/** Reads the heads that an earlier run printed. @throws UsageError */
export async function readHeadsFile(file: string): Promise<Heads> {
  return readHeads(await readText(file));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw new UsageError('--heads takes a file that can be read');
  }
}

function readHeads(text: string): Heads {
  const wrong = new UsageError('--heads takes a file as audit-verify prints it: {"<stream>":"<number>:<mac>", ...}');
  const heads = parseJson(text);
  if (typeof heads !== 'object' || heads === null || Array.isArray(heads)) throw wrong;
  return new Map(
    Object.entries(heads).map(([stream, head]) => {
      const [id, parsed] = [parseId(stream), typeof head === 'string' ? parseHead(head) : undefined];
      if (id === undefined || !parsed) throw wrong;
      return [id, parsed];
    }),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
