import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import { addGauge } from './gauge.ts';

const resolutionMs = 10;

/**
 * Adds processor time, memory and the delay of the event loop, mostly under the names that dashboards for Node expect. Only
 * the delay is measured continuously; disposing it ends that.
 */
export function measureProcess(registry: Registry): Disposable {
  const startedAtSeconds = Math.floor(Date.now() / 1_000 - process.uptime());
  addGauge(registry, {
    name: 'process_start_time_seconds',
    help: 'When the process began, in Unix time.',
    read: () => startedAtSeconds,
  });
  addGauge(registry, {
    name: 'process_resident_memory_bytes',
    help: 'Resident memory.',
    read: () => process.memoryUsage.rss(),
  });
  addGauge(registry, {
    name: 'nodejs_heap_size_used_bytes',
    help: 'Memory that JavaScript uses.',
    read: () => process.memoryUsage().heapUsed,
  });
  registry.registerMetric(processorTime('user', 'Processor time of the program itself.'));
  registry.registerMetric(processorTime('system', "Processor time of the system on the program's behalf."));
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  registry.registerMetric(loopDelay(delay));
  return { [Symbol.dispose]: () => void delay.disable() };
}

function processorTime(kind: 'user' | 'system', help: string): Counter {
  return new Counter({
    name: `process_cpu_${kind}_seconds_total`,
    help,
    registers: [],
    collect() {
      this.reset();
      this.inc(process.cpuUsage()[kind] / 1e6);
    },
  });
}

function loopDelay(delay: ReturnType<typeof monitorEventLoopDelay>): Gauge {
  return new Gauge({
    name: 'coffer_event_loop_delay_seconds',
    help: 'By how much the event loop came late since the last reading, at the quantile; 1 is the latest.',
    labelNames: ['quantile'],
    registers: [],
    collect() {
      this.set({ quantile: '0.5' }, latenessSeconds(delay.percentile(50)));
      this.set({ quantile: '0.99' }, latenessSeconds(delay.percentile(99)));
      this.set({ quantile: '1' }, latenessSeconds(delay.max));
      delay.reset();
    },
  });
}

/** @param nanoseconds between two samples, of which `resolutionMs` are expected; a huge value before the second sample */
function latenessSeconds(nanoseconds: number): number {
  const seconds = nanoseconds / 1e9 - resolutionMs / 1_000;
  return seconds > 0 && seconds < 1e6 ? seconds : 0;
}
