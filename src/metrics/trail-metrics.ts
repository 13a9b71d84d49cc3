import type { Registry } from 'prom-client';
import { addGauge } from './add-gauge.ts';

/** Adds how many committed events the database has lost. */
export function measureLostEvents(registry: Registry, watch: { readonly lostEvents: number }): void {
  addGauge(registry, {
    name: 'coffer_trail_lost_events',
    help: 'Committed events of the audit trail that the database has lost, until their loss is acknowledged.',
    read: () => watch.lostEvents,
  });
}
