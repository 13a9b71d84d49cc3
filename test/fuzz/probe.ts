import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What the probe tells of the process that it was loaded into. */
export interface ProbeReport {
  /** The longest that the event loop was held since the last report, in milliseconds. */
  readonly heldMs: number;
  /** After a collection of garbage, where one was asked for; in bytes. */
  readonly memory?: { readonly heap: number; readonly resident: number };
}

const resolutionMs = 5;
const reportEveryMs = 250;

// Loaded by `--import` into the server's process, where it measures what no one outside can: it reports to the parent by IPC.
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();

function report(more: Partial<ProbeReport> = {}): void {
  const heldMs = Math.max(0, delays.max / 1_000_000 - resolutionMs);
  delays.reset();
  process.send?.({ heldMs, ...more });
}

setInterval(report, reportEveryMs).unref();
process.on('message', (message) => {
  if (message !== 'memory') return;
  report();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  // The collection itself holds the event loop, which is measured at the next turns of it.
  setTimeout(() => {
    delays.reset();
    report({ memory: { heap: heapUsed + external, resident: rss } });
  }, 10 * resolutionMs);
});
process.channel?.unref();
