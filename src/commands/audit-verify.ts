import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { SystemClock } from '../vault/time.ts';
import { openInstance } from '../start/instance.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { parseHead, type AuditHead } from '../vault/audit/audit-chain.ts';
import type { VerificationObserver } from '../vault/audit/verification.ts';
import { parseId } from '../vault/ids.ts';
import { describeLoss } from '../vault/audit/trail-loss.ts';
import { connectToDatabase } from './connect-to-database.ts';
import { UsageError } from './usage-error.ts';

/** How often progress is reported: on a terminal in place, elsewhere as a line. */
const terminalEveryMs = 200;
const linesEveryMs = 5_000;

/**
 * Verifies the trail, and the rows that it tells of. Progress and faults go to the standard error as they are found, the
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
  const connection = await connectToDatabase(config, stack, stopping);
  const { instanceId, trailVerifier } = await openInstance(
    { config, connection, clock: new SystemClock(), log: pino({ level: 'silent' }), mayBegin: false },
    stack,
  );
  const report = new ProgressReport(process.stderr);
  const { acknowledgedLosses, eventCount, faults, heads, intact } = await trailVerifier.verify(options.expected, {
    verified: options.verified,
    observer: report,
    signal: stopping.requested,
  });
  for (const loss of acknowledgedLosses) report.line(`loss acknowledged: ${describeLoss(loss)}`);
  const found = intact ? 'everything is as it was written' : `${faults.length} faults were found`;
  report.line(`${eventCount} events of instance ${instanceId} are verified: ${found}`);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(heads))}\n`);
  return intact ? 0 : 1;
}

type Heads = ReadonlyMap<string, AuditHead>;

async function readOptions(
  parameters: readonly string[],
): Promise<{ readonly expected: Heads; readonly verified: Heads }> {
  const { continue: isContinued, heads: file } = parse(parameters);
  if (isContinued && file === undefined) throw new UsageError('--continue needs --heads FILE');
  const expected = file === undefined ? new Map<string, AuditHead>() : readHeads(await readText(file));
  return { expected, verified: isContinued ? expected : new Map() };
}

function parse(parameters: readonly string[]) {
  const options = { heads: { type: 'string' }, continue: { type: 'boolean' } } as const;
  try {
    return parseArgs({ args: [...parameters], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
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

/** Writes progress and faults; on a terminal, progress stays on one line. */
class ProgressReport implements VerificationObserver {
  readonly #output: NodeJS.WriteStream;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #isLineOpen = false;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  onProgress(done: number, total: number): void {
    const now = performance.now();
    const isEnd = done === total;
    if (!isEnd && now < this.#reportedAtMs + (this.#output.isTTY ? terminalEveryMs : linesEveryMs)) return;
    this.#reportedAtMs = now;
    const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
    const text = `${done} of about ${total} events and rows are verified (${percent} %)`;
    if (!this.#output.isTTY) return this.line(text);
    this.#output.write(`\r\u001b[K${text}`);
    this.#isLineOpen = true;
  }

  onFault({
    kind,
    message,
    stream,
  }: {
    readonly kind: string;
    readonly message: string;
    readonly stream: string;
  }): void {
    this.line(`${kind} ${stream}: ${message}`);
  }

  line(text: string): void {
    this.#output.write(`${this.#isLineOpen ? '\n' : ''}coffer: ${text}\n`);
    this.#isLineOpen = false;
  }
}
