import assert from 'node:assert/strict';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { ForwardedCalls } from '../admission/forwarded-calls.ts';
import { Connections, closeReasons, type CloseReason, type ConnectionLimits } from '../port/connections.ts';
import { compileTrustedProxies } from '../port/peer-address.ts';
import { connectionsMaxDefault, defaultPortTimeouts, type PortTimeouts } from '../port/port.ts';
import { UnreadAnswers, unreadBytesDefaults, type UnreadLimits } from '../port/unread-answers.ts';
import { addGauge } from './request-metrics.ts';

/** The options of a gateway that concern connections. */
export interface ConnectionOptions {
  readonly connectionsMax?: number;
  readonly connectionsPerAddress?: number;
  readonly timeouts?: Partial<PortTimeouts>;
  readonly trustedProxies?: readonly string[];
  readonly unreadBytes?: Partial<Omit<UnreadLimits, 'unreadMs'>>;
  readonly log: Logger;
  /** Without it, there are no metrics. */
  readonly metrics?: Registry;
}

/** The connections of a gateway with their limits. */
export interface LimitedConnections {
  readonly connections: Connections;
  readonly forwardedCalls: ForwardedCalls;
  readonly unreadAnswers: UnreadAnswers;
}

/** The interval of warnings about connections closed for the same reason. */
const warnEveryMs = 60_000;

/** The reasons that an operator can change by a setting; the others result from the behaviour of a single client. */
const warnings: Partial<Record<CloseReason, string>> = {
  port_full: 'all connections are taken; further ones are closed',
  room_made: 'all connections are taken; those idle longest without authentication are closed',
  address_limit: 'an address has all the connections that it may have; further ones of it are closed',
};

/** Creates the table of connections with its limits, metrics and warnings. */
export function limitConnections(options: ConnectionOptions): LimitedConnections {
  const { metrics } = options;
  const limits = limitsOf(options);
  const count = metrics && countConnections(metrics);
  const warn = createWarning(options.log, limits);
  const connections = new Connections(limits, (reason, { network }) => {
    count?.(reason);
    warn(reason, network);
  });
  const unreadAnswers = new UnreadAnswers(connections, limits);
  if (metrics) measureConnections({ registry: metrics, connections, unreadAnswers });
  const forwardedCalls = new ForwardedCalls(limits.perAddressMax, limits.isTrustedProxy);
  return { connections, forwardedCalls, unreadAnswers };
}

function limitsOf(options: ConnectionOptions): ConnectionLimits & UnreadLimits {
  const { connectionsMax = connectionsMaxDefault, timeouts, trustedProxies = [], unreadBytes } = options;
  const { connectionsPerAddress: perAddressMax = Math.ceil(connectionsMax / 4) } = options;
  const isTrustedProxy = compileTrustedProxies(trustedProxies);
  assert(isTrustedProxy, 'trusted proxies must be addresses or networks');
  const { unauthenticatedMs, unreadMs } = { ...defaultPortTimeouts, ...timeouts };
  const unread = { ...unreadBytesDefaults, ...unreadBytes, unreadMs };
  return { ...unread, connectionsMax, perAddressMax, unauthenticatedMs, isTrustedProxy };
}

function createWarning(log: Logger, { connectionsMax, perAddressMax }: ConnectionLimits) {
  const warnedAtMs = new Map<CloseReason, number>();
  return (reason: CloseReason, peer: string): void => {
    const text = warnings[reason];
    const nowMs = performance.now();
    if (text === undefined || nowMs - (warnedAtMs.get(reason) ?? Number.NEGATIVE_INFINITY) < warnEveryMs) return;
    warnedAtMs.set(reason, nowMs);
    log.warn(reason === 'address_limit' ? { peer, connectionsPerAddress: perAddressMax } : { connectionsMax }, text);
  };
}

/** The sources of the metrics of connections. */
export interface ConnectionMetricsParts {
  readonly registry: Registry;
  readonly connections: { readonly size: number };
  readonly unreadAnswers: { readonly waitingBytes: number };
}

/** Adds the counter of connections that the server closed; returns the function that counts one. */
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

/** Adds the gauges of open connections and of unread answers. */
export function measureConnections({ registry, connections, unreadAnswers }: ConnectionMetricsParts): void {
  addGauge(registry, 'coffer_connections', 'Connections that are open.', () => connections.size);
  const waiting = 'Bytes of answers that their clients have not taken yet, as of the last second.';
  addGauge(registry, 'coffer_answer_bytes_waiting', waiting, () => unreadAnswers.waitingBytes);
}
