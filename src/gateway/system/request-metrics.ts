import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { Health } from '../../../gen/health/v1/health_pb.ts';
import { nameOfRpc } from '../contract/bound-rpc.ts';
import type { Dialect } from '../contract/dialect.ts';
import type { EndedExchange } from '../contract/exchange.ts';
import type { Readiness } from './readiness.ts';
import { reflectionPaths } from './reflection.ts';

/** What request metrics need. */
export interface RequestMetricsParts {
  readonly registry: Registry;
  readonly dialects: readonly Dialect[];
  readonly readiness: Readiness;
}

/** In seconds: a read takes less than a millisecond, a call that waits for the disk a few. */
const buckets = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Adds the metrics of requests and of readiness. Labels are names of the dialects, codes and HTTP statuses, and never a value
 * that a client sent.
 *
 * @returns the function that records a request that has ended
 */
export function countRequests({ registry, dialects, readiness }: RequestMetricsParts): (ended: EndedExchange) => void {
  const registers = [registry];
  const requests = new Counter({
    name: 'coffer_requests_total',
    help: 'Requests that have ended. The code is the one of gRPC and Connect, or the HTTP status of the rest.',
    labelNames: ['protocol', 'dialect', 'rpc', 'code'],
    registers,
  });
  const durations = new Histogram({
    name: 'coffer_request_duration_seconds',
    help: 'How long the calls of the dialects took, from their headers to the end of their answers.',
    labelNames: ['dialect', 'rpc'],
    buckets,
    registers,
  });
  const replays = new Counter({
    name: 'coffer_replayed_requests_total',
    help: 'Repeated requests that were answered from the first one with their request id.',
    labelNames: ['dialect', 'rpc'],
    registers,
  });
  addGauge(registry, 'coffer_ready', '1 while calls can be answered, as in /readyz, else 0.', () =>
    readiness.notReadyReason() === undefined ? 1 : 0,
  );
  const dialectLabel = oneOf(dialects.map(({ name }) => name));
  const streams = new Set(dialects.flatMap((dialect) => dialect.streams ?? []).map(({ method }) => nameOfRpc(method)));
  const rpcLabel = oneOf([...dialectRpcs(dialects), ...systemRpcs()]);
  return ({ found, status, isAborted, durationMs }) => {
    const dialect = dialectLabel(found.dialect);
    const rpc = rpcLabel(found.rpc);
    const protocol = found.protocol ?? 'unknown';
    requests.inc({ protocol, dialect, rpc, code: codeOf({ found, status, isAborted }) });
    if (found.isReplayed) replays.inc({ dialect, rpc });
    // Streams, also those of health and reflection, may last for days.
    if (found.dialect !== undefined && !streams.has(rpc)) durations.observe({ dialect, rpc }, durationMs / 1_000);
  };
}

/** Adds a gauge whose value is read when metrics are collected. */
export function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  const gauge = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
  registry.registerMetric(gauge);
}

/** A client that disconnected before the end received no status. */
function codeOf({ found, status, isAborted }: Pick<EndedExchange, 'found' | 'status' | 'isAborted'>): string {
  if (found.code !== undefined) return found.code;
  if (isAborted) return 'canceled';
  return found.protocol === undefined || found.protocol === 'rest' ? String(status) : 'ok';
}

function oneOf(names: readonly string[]): (name: string | undefined) => string {
  const known = new Set(names);
  return (name) => (name !== undefined && known.has(name) ? name : 'unknown');
}

function dialectRpcs(dialects: readonly Dialect[]): string[] {
  return dialects.flatMap(({ rpcs, streams = [] }) => [...rpcs, ...streams].map(({ method }) => nameOfRpc(method)));
}

function systemRpcs(): string[] {
  return [...Health.methods.map(nameOfRpc), ...[...reflectionPaths].map((path) => path.slice(1))];
}
