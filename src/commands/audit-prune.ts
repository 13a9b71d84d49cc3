import { pino } from 'pino';
import type { Config } from '../config.ts';
import { SystemClock } from '../encryption/system-clock.ts';
import { openInstance } from '../start/instance.ts';
import { openDatabase } from '../store/database.ts';
import { pruneTrail, type Pruning } from '../store/prune-trail.ts';
import type { TrailFault } from '../vault/audit-trail.ts';
import { connectToDatabase } from './connect-to-database.ts';
import { timeOptions } from './time-options.ts';
import { UsageError } from './usage-error.ts';

/** The trail is not as it was written, and what is left of it may be wanted as evidence. */
export class TrailDamagedError extends Error {
  constructor({ stream, message }: TrailFault) {
    super(`nothing is pruned, since the audit trail is not as it was written: ${stream}: ${message}`);
    this.name = 'TrailDamagedError';
  }
}

/**
 * Verifies the trail, then deletes its events before a time, as the owner of the tables, and prints of which stream how many.
 * The ledger of the trail tells what is gone, so that it verifies as before. A server may be running.
 *
 * @returns the exit code
 * @throws UsageError, or TrailDamagedError where it does not verify
 */
export async function auditPrune(config: Config, parameters: readonly string[]): Promise<number> {
  const clock = new SystemClock();
  const { before } = timeOptions(parameters, ['before']);
  if (!before) throw new UsageError('--before TIME is needed');
  if (before > clock.now()) throw new UsageError('--before takes a time that has passed');
  await using stack = new AsyncDisposableStack();
  const connection = await connectToDatabase(config, stack);
  const log = pino({ level: 'silent' });
  const { auditChain: chain, trailVerifier } = await openInstance({ config, connection, clock, log }, stack);
  const { faults } = await trailVerifier.verify(new Map());
  const [fault] = faults;
  if (fault) throw new TrailDamagedError(fault);
  const database = await openDatabase({ connection, poolMax: 1, role: null, log });
  stack.defer(() => database.close());
  await pruneAndTell({ database, chain, clock, before });
  return 0;
}

async function pruneAndTell(pruning: Pruning): Promise<void> {
  const counts = new Map<string, number>();
  for await (const { stream, count } of pruneTrail(pruning)) counts.set(stream, (counts.get(stream) ?? 0) + count);
  for (const [stream, count] of counts) process.stdout.write(`${count} events of stream ${stream} are pruned\n`);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  process.stdout.write(`${total} events before ${pruning.before.toISOString()} are pruned in all\n`);
}
