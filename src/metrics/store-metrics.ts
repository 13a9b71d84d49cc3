import { Counter, Histogram, type Registry } from 'prom-client';
import { addGauge } from './add-gauge.ts';
import type { Connections } from '../store/postgres/database.ts';
import type { DatabaseHealth } from '../store/postgres/database-health.ts';
import { troubles } from '../store/postgres/database-trouble.ts';

const groupSizes = [1, 2, 4, 8, 16, 32, 64, 128];

/**
 * Adds how many calls share a commit.
 *
 * @returns what is told the size of each group that was committed
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

/** Adds what the connections to the database are doing. */
export function countConnections(registry: Registry, database: { connections(): Connections }): void {
  addGauge(registry, {
    name: 'coffer_database_connections',
    help: 'Connections of the pool, idle ones too.',
    read: () => database.connections().total,
  });
  addGauge(registry, {
    name: 'coffer_database_connections_idle',
    help: 'Connections that nobody uses.',
    read: () => database.connections().idle,
  });
  addGauge(registry, {
    name: 'coffer_database_calls_waiting',
    help: 'Calls that wait for a connection.',
    read: () => database.connections().waiting,
  });
}

/** Adds how often the database did not serve, by the reason; each of them is there from the start. */
export function countDatabaseFailures(registry: Registry, { failures }: DatabaseHealth): void {
  const counter = new Counter({
    name: 'coffer_database_failures_total',
    help: 'Statements and transactions of calls, and probes of readiness, that the database did not serve.',
    labelNames: ['reason'],
    // Without it, the library adds the counter to one of its own, which all share.
    registers: [],
    collect() {
      this.reset();
      for (const reason of Object.keys(troubles)) this.inc({ reason }, 0);
      for (const [reason, count] of failures) this.inc({ reason }, count);
    },
  });
  registry.registerMetric(counter);
}
