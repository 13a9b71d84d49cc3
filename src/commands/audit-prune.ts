import { pino } from 'pino';
import { TrailDamagedError } from '../audit/chain-verifier.ts';
import type { Config } from '../config/config.ts';
import { SystemClock } from '../vault/time.ts';
import { openInstance } from '../start/instance.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { openDatabase } from '../store/postgres/database.ts';
import { pruneTrail, type Pruning } from '../store/trail/prune-trail.ts';
import { systemEvent } from '../vault/audit/audit-event.ts';
import { connectToDatabase } from './connect-to-database.ts';
import { timeOptions } from './time-options.ts';
import { UsageError } from './usage-error.ts';

/** Prunes also where rows are not what the trail tells of them, as long as the trail itself is whole. */
const despiteRows = '--despite-rows';

/**
 * Verifies the trail, then deletes its events before a time, as the owner of the tables, and prints of which stream how many.
 * The ledger of the trail tells what is gone, so that it verifies as before, and an event tells that it was done. A server may
 * be running.
 *
 * @returns the exit code
 * @throws UsageError, or TrailDamagedError where it does not verify
 */
export async function auditPrune(
  config: Config,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const clock = new SystemClock();
  const { before } = timeOptions(
    parameters.filter((parameter) => parameter !== despiteRows),
    ['before'],
  );
  if (!before) throw new UsageError('--before TIME is needed');
  if (before > clock.now()) throw new UsageError('--before takes a time that has passed');
  await using stack = new AsyncDisposableStack();
  const connection = await connectToDatabase(asTableOwner(config), stack, stopping);
  const log = pino({ level: 'silent' });
  const {
    auditChain: chain,
    ids,
    instanceId,
    stores,
    trailVerifier,
  } = await openInstance({ config, connection, clock, log, mayBegin: false }, stack);
  const { faults } = await trailVerifier.verify(new Map());
  // Those of the trail itself come first.
  const [fault] = parameters.includes(despiteRows) ? faults.filter(({ sequence }) => sequence !== 0) : faults;
  if (fault) throw new TrailDamagedError(fault);
  const database = await openDatabase({ connection, poolMax: 1, role: null, log });
  stack.defer(() => database.close());
  const total = await pruneAndReport({ database: database.forLongWork(), chain, clock, before }, instanceId);
  const resource = { resourceKind: 'audit_trail', resourceId: before.toISOString() };
  if (total > 0) await stores.audit.append(systemEvent({ clock, ids }, { action: 'audit.prune', ...resource }));
  return 0;
}

/** A server's own user may delete no event where it is only a member of `coffer_app`. */
function asTableOwner(config: Config): Config {
  const { database, migrateDatabaseUrl: url } = config;
  return database.kind === 'server' && url !== null ? { ...config, database: { ...database, url } } : config;
}

async function pruneAndReport(pruning: Pruning, instanceId: string): Promise<number> {
  const counts = new Map<string, number>();
  for await (const { stream, count } of pruneTrail(pruning)) counts.set(stream, (counts.get(stream) ?? 0) + count);
  for (const [stream, count] of counts) process.stdout.write(`${count} events of stream ${stream} are pruned\n`);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  process.stdout.write(
    `${total} events before ${pruning.before.toISOString()} are pruned in all from instance ${instanceId}\n`,
  );
  return total;
}
