import type { Caller } from './caller.ts';
import type { Usage } from './server-process.ts';
import { quantile } from './statistics.ts';

/** What one turn of one scenario measured. */
export interface Turn {
  readonly requests: number;
  readonly perSecond: number;
  /** In milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the server's processes, all threads; PostgreSQL's are not in it. Null where the system does not tell. */
  readonly cpuMicrosPerRequest: number | null;
  /** The server's resident memory at the end, in MiB; null where the system does not tell. */
  readonly residentMiB: number | null;
  /** How much of one processor the load itself took, 0 to 1: near 1, it is the load that was measured. */
  readonly driverShare: number;
}

/** Gives each call of a run a number of its own. */
export type Counter = () => number;

/** Calls through all connections, each its next as soon as it is answered, until the time is over. */
export async function takeTurn(parts: {
  readonly callers: readonly Caller[];
  readonly server: { usage(): Usage };
  readonly milliseconds: number;
  readonly count: Counter;
}): Promise<Turn> {
  const { callers, server, milliseconds, count } = parts;
  const latencies: number[] = [];
  const before = server.usage();
  const own = process.cpuUsage();
  const started = performance.now();
  const end = started + milliseconds;
  await Promise.all(callers.map((caller) => callUntil({ caller, end, count, latencies })));
  const elapsedMs = performance.now() - started;
  const { user, system } = process.cpuUsage(own);
  const after = server.usage();
  const requests = latencies.length;
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    requests,
    perSecond: (requests * 1000) / elapsedMs,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    cpuMicrosPerRequest:
      after.cpuMicros === undefined || before.cpuMicros === undefined
        ? null
        : (after.cpuMicros - before.cpuMicros) / requests,
    residentMiB: after.residentMiB ?? null,
    driverShare: (user + system) / 1000 / elapsedMs,
  };
}

/** At least one call is made, however short the time. */
async function callUntil(parts: {
  readonly caller: Caller;
  readonly end: number;
  readonly count: Counter;
  readonly latencies: number[];
}): Promise<void> {
  const { caller, end, count, latencies } = parts;
  let now = performance.now();
  do {
    const began = now;
    await caller.call(count());
    now = performance.now();
    latencies.push(now - began);
  } while (now < end);
}
