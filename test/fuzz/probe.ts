/** What the probe reports of the process that it was loaded into. */
export interface ProbeReport {
  /** The longest turn of the event loop since the last report, in milliseconds of the main thread's processor time. */
  readonly heldMs: number;
  /** After a collection of garbage, where one was asked for; in bytes. */
  readonly memory?: { readonly heap: number; readonly resident: number };
}

const resolutionMs = 5;
const reportEveryMs = 250;

// Loaded by `--import` into the server's process, where it measures what cannot be measured from outside: it reports to the parent by IPC.
let used = process.threadCpuUsage();
let longestMs = 0;

/** Between two ticks of a timer lies one turn of the loop, or several short ones that take no longer than the timer's interval. */
function tick(): void {
  const { user, system } = process.threadCpuUsage(used);
  used = process.threadCpuUsage();
  longestMs = Math.max(longestMs, (user + system) / 1_000 - resolutionMs);
}

function reset(): void {
  used = process.threadCpuUsage();
  longestMs = 0;
}

function report(more: Partial<ProbeReport> = {}): void {
  tick();
  process.send?.({ heldMs: longestMs, ...more });
  reset();
}

setInterval(tick, resolutionMs).unref();
setInterval(report, reportEveryMs).unref();
process.on('message', (message) => {
  if (message !== 'memory') return;
  report();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  // The collection itself holds the event loop.
  reset();
  report({ memory: { heap: heapUsed + external, resident: rss } });
});
process.channel?.unref();
