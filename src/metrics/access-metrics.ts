import { Counter, type Registry } from 'prom-client';
import type { SearchWay } from '../authentication/known-proofs.ts';
import { addGauge } from './add-gauge.ts';

const ways = ['hit', 'miss', 'bypassed'] as const satisfies readonly SearchWay[];

/**
 * Adds how callers were found by their tokens.
 *
 * @returns what is told of each search
 */
export function countSearches(registry: Registry): (way: SearchWay) => void {
  const counter = new Counter({
    name: 'coffer_access_lookups_total',
    help: 'Searches for the API key or session of a token: from memory, not in memory, or past a memory that can not be relied on.',
    labelNames: ['result'],
    registers: [registry],
  });
  const counts = new Map(ways.map((way) => [way, counter.labels(way)]));
  return (way) => counts.get(way)?.inc();
}

/** Adds whether changes of grants that other processes make are heard of. */
export function watchGrantChannel(registry: Registry, channel: { readonly isListening: boolean }): void {
  addGauge(registry, {
    name: 'coffer_grant_notices_up',
    help: '1 while a connection listens for changed grants; otherwise every call asks the database who is calling.',
    read: () => Number(channel.isListening),
  });
}
