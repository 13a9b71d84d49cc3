import { Counter, Gauge, type Registry } from 'prom-client';
import { closeReasons, type CloseReason } from '../port/connections.ts';

/** What the metrics of connections are read from. */
export interface ConnectionMetricsParts {
  readonly registry: Registry;
  readonly connections: { readonly size: number };
  readonly unreadAnswers: { readonly waitingBytes: number };
}

/**
 * Adds why the server closed connections.
 *
 * @returns what counts a connection that the server closed
 */
export function countConnections(registry: Registry): (reason: CloseReason) => void {
  const closed = new Counter({
    name: 'coffer_connections_closed_total',
    help: 'Connections that the server refused or closed by one of its limits.',
    labelNames: ['reason'],
    registers: [registry],
  });
  const counts = new Map(closeReasons.map((reason) => [reason, closed.labels(reason)]));
  return (reason) => counts.get(reason)?.inc();
}

/** Adds how many connections there are, and how many bytes of answers wait for their clients. */
export function measureConnections({ registry, connections, unreadAnswers }: ConnectionMetricsParts): void {
  registry.registerMetric(
    new Gauge({
      name: 'coffer_connections',
      help: 'Connections that are open.',
      registers: [],
      collect() {
        this.set(connections.size);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'coffer_answer_bytes_waiting',
      help: 'Bytes of answers that their clients have not taken yet, as of the last second.',
      registers: [],
      collect() {
        this.set(unreadAnswers.waitingBytes);
      },
    }),
  );
}
