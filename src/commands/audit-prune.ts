import { pino } from 'pino';
import { TrailDamagedError } from '../audit/chain-verifier.ts';
import type { Config } from '../config/config.ts';
import type { StopRequests } from '../start/stop-requests.ts';
import { openDatabase } from '../store/postgres/database.ts';
import { pruneTrail, type Pruning } from '../store/trail/prune-trail.ts';
import { systemEvent } from '../vault/audit/audit-event.ts';
import { openVault } from './open-vault.ts';
import { parseOptions, parseTimeOption } from './options.ts';
import { UsageError } from './usage.ts';

/**
 * Verifies the audit trail, then deletes its events before a time, as the owner of the tables, and prints how many of which
 * stream. The ledger of the trail records what was deleted, so that the trail still verifies, and an event records the
 * pruning. With `--despite-rows` it prunes although rows differ from the trail, if the trail itself is intact. A server may
 * be running.
 *
 * @returns the exit code
 * @throws UsageError, or TrailDamagedError where the trail does not verify
 */
export async function auditPrune(
  config: Config,
  parameters: readonly string[],
  stopping: StopRequests,
): Promise<number> {
  const types = { before: { type: 'string' }, 'despite-rows': { type: 'boolean' } } as const;
  const { before: text, 'despite-rows': isDespiteRows } = parseOptions(parameters, types);
  const before = parseTimeOption('before', text);
  if (!before) throw new UsageError('--before TIME is needed');
  if (before > new Date()) throw new UsageError('--before takes a time that has passed');
  await using stack = new AsyncDisposableStack();
  const { clock, connection, instance } = await openVault(asTableOwner(config), stack, stopping);
  const { auditChain: chain, ids, keyring, stores, trailVerifier } = instance;
  const { faults } = await trailVerifier.verify(new Map());
  // Faults of the trail itself come first.
  const [fault] = isDespiteRows ? faults.filter(({ sequence }) => sequence !== 0) : faults;
  if (fault) throw new TrailDamagedError(fault);
  const database = await openDatabase({ connection, poolMax: 1, role: null, log: pino({ level: 'silent' }) });
  stack.defer(() => database.close());
  const total = await pruneAndReport({ database: database.forLongWork(), chain, clock, before }, keyring.instanceId);
  const resource = { resourceKind: 'audit_trail', resourceId: before.toISOString() } as const;
  if (total > 0) await stores.audit.append(systemEvent({ clock, ids }, { action: 'audit.prune', ...resource }));
  return 0;
}

/** The server's user cannot delete events where it is only a member of `coffer_app`. */
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
