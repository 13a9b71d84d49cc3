import { pipeline } from 'node:stream/promises';
import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { SystemClock } from '../vault/time.ts';
import { openInstance } from '../start/instance.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import type { ChainedEvent, UnreadableEvent } from '../vault/audit/audit-chain.ts';
import { connectToDatabase } from './connect-to-database.ts';
import { eventLine } from './event-line.ts';
import { timeOptions } from './time-options.ts';

/**
 * Prints the events of all workspaces and of the instance as JSON lines, stream by stream. It reads no faster than they are
 * taken, and keeps no transaction open. A server may be running; events up to this command's start are printed. Those that
 * cannot be read are named on standard error.
 *
 * @returns the exit code
 * @throws UsageError
 */
export async function auditExport(
  config: Config,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const clock = new SystemClock();
  const { from = new Date(0), to = clock.now() } = timeOptions(parameters, ['from', 'to']);
  await using stack = new AsyncDisposableStack();
  const connection = await connectToDatabase(config, stack, stopping);
  const { stores } = await openInstance(
    { config, connection, clock, log: pino({ level: 'silent' }), mayBegin: false },
    stack,
  );
  try {
    await pipeline(linesOf(stores.auditTrail.readEvents(), { from, to }), process.stdout, { end: false });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
    process.stderr.write('coffer: the export is not complete: its reader has gone\n');
    return 1;
  }
  return 0;
}

/** The times are compared here and not by the database, where a search for few among many could take its time. */
async function* linesOf(
  chunks: AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]>,
  { from, to }: { readonly from: Date; readonly to: Date },
): AsyncGenerator<string> {
  for await (const chunk of chunks) {
    const events = chunk.filter((item) => 'event' in item);
    for (const item of chunk) if ('place' in item) warnOfUnreadable(item);
    const wanted = events.filter(({ event: { time } }) => time >= from && time < to);
    if (wanted.length > 0) yield wanted.map(eventLine).join('');
  }
}

/** What no event was ever written like is left to the verification, and the export goes on. */
function warnOfUnreadable({ place, stream }: UnreadableEvent): void {
  process.stderr.write(`coffer: event ${place} of stream ${stream} cannot be read, and is left out\n`);
}
