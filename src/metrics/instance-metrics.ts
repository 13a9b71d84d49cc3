import { Counter, Histogram, type Registry } from 'prom-client';
import type { LookupOutcome } from '../authentication/authentication-cache.ts';
import type { Connections } from '../store/postgres/database.ts';
import { type DatabaseHealth, outageReasons } from '../store/postgres/database-health.ts';
import type { RowEstimates } from '../store/workspaces/row-estimates.ts';
import { addGauge } from './gauge.ts';

/** What the metrics of an instance are read from. */
export interface InstanceMetricsParts {
  readonly database: { readonly health: DatabaseHealth; connections(): Connections };
  readonly accessChangeListener: { readonly isListening: boolean };
  readonly keys: { readonly isSealed: boolean; subscribe?(changed: () => void): () => void };
  /** Called at the start, when the vault is opened, and every minute, but not while it is sealed. */
  readonly estimate: () => Promise<RowEstimates>;
}

const groupSizes = [1, 2, 4, 8, 16, 32, 64, 128];
const estimateEveryMs = 60_000;
const lookupResults = ['hit', 'miss', 'bypassed'] as const satisfies readonly LookupOutcome[];

/** Adds the metrics of the database, the keys and the notifications. Disposing it ends the estimates. */
export function measureInstance(registry: Registry, parts: InstanceMetricsParts): Disposable {
  measureConnections(registry, parts);
  countDatabaseFailures(registry, parts);
  addGauge(registry, {
    name: 'coffer_grant_notices_up',
    help: '1 while a connection listens for changed grants; otherwise every call asks the database who is calling.',
    read: () => Number(parts.accessChangeListener.isListening),
  });
  return measureKeys(registry, parts);
}

/**
 * Adds how many calls share a commit.
 *
 * @returns called with the size of each group that was committed
 */
export function countCommits(registry: Registry): (groupSize: number) => void {
  const sizes = new Histogram({
    name: 'coffer_commit_group_size',
    help: 'How many calls were answered by one transaction that writes.',
    buckets: groupSizes,
    registers: [registry],
  });
  return (groupSize) => sizes.observe(groupSize);
}

/**
 * Adds how callers were looked up by their tokens.
 *
 * @returns called with the result of each lookup
 */
export function countSearches(registry: Registry): (way: LookupOutcome) => void {
  const counter = new Counter({
    name: 'coffer_access_lookups_total',
    help: 'Searches for the API key or session of a token: from memory, not in memory, or past a memory that can not be relied on.',
    labelNames: ['result'],
    registers: [registry],
  });
  const counts = new Map(lookupResults.map((way) => [way, counter.labels(way)]));
  return (way) => counts.get(way)?.inc();
}

/** Adds how many committed events the database has lost. */
export function measureLostEvents(registry: Registry, watch: { readonly lostEvents: number }): void {
  addGauge(registry, {
    name: 'coffer_trail_lost_events',
    help: 'Committed events of the audit trail that the database has lost, until their loss is acknowledged.',
    read: () => watch.lostEvents,
  });
}

function measureConnections(registry: Registry, { database }: InstanceMetricsParts): void {
  addGauge(registry, {
    name: 'coffer_database_connections',
    help: 'Connections of the pool, idle ones too.',
    read: () => database.connections().total,
  });
  addGauge(registry, {
    name: 'coffer_database_connections_idle',
    help: 'Connections that are idle.',
    read: () => database.connections().idle,
  });
  addGauge(registry, {
    name: 'coffer_database_calls_waiting',
    help: 'Calls that wait for a connection.',
    read: () => database.connections().waiting,
  });
}

/** Reports every reason from the start, with 0. */
function countDatabaseFailures(registry: Registry, { database }: InstanceMetricsParts): void {
  const { failures } = database.health;
  const counter = new Counter({
    name: 'coffer_database_failures_total',
    help: 'Statements and transactions of calls, and probes of readiness, that the database did not serve.',
    labelNames: ['reason'],
    // An empty list keeps the counter out of the library's global registry.
    registers: [],
    collect() {
      this.reset();
      for (const reason of Object.keys(outageReasons)) this.inc({ reason }, 0);
      for (const [reason, count] of failures) this.inc({ reason }, count);
    },
  });
  registry.registerMetric(counter);
}

/**
 * Adds whether the keys are in memory, how many there are, and how much they seal, as totals because there may be any number
 * of keys. While the database is unreachable, the last estimates stay. Disposing it ends the estimates.
 */
export function measureKeys(
  registry: Registry,
  { estimate, keys }: Pick<InstanceMetricsParts, 'estimate' | 'keys'>,
): Disposable {
  let last: RowEstimates = { workspaceKeys: 0, credentialVersions: 0 };
  const update = async () => {
    if (keys.isSealed) return;
    // Other metrics report a database that is unreachable.
    last = await estimate().catch(() => last);
  };
  addGauge(registry, {
    name: 'coffer_sealed',
    help: '1 while the keys are not in memory, so that no secret can be opened or sealed, else 0.',
    read: () => Number(keys.isSealed),
  });
  addGauge(registry, {
    name: 'coffer_workspace_keys',
    help: 'About how many keys of workspaces there are, by an estimate of the last minute.',
    read: () => last.workspaceKeys,
  });
  addGauge(registry, {
    name: 'coffer_sealed_versions',
    help: 'About how many versions of secrets these keys seal, by an estimate of the last minute.',
    read: () => last.credentialVersions,
  });
  void update();
  const timer = setInterval(() => void update(), estimateEveryMs);
  const unsubscribe = keys.subscribe?.(() => void update());
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      unsubscribe?.();
    },
  };
}
