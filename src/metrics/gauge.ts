import { Gauge, type Registry } from 'prom-client';

/** A number that is read for each request for the metrics. */
export interface GaugeParts {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** Adds a gauge to a registry. */
export function addGauge(registry: Registry, { name, help, read }: GaugeParts): void {
  const gauge = new Gauge({
    name,
    help,
    // An empty list keeps the gauge out of the library's global registry.
    registers: [],
    collect() {
      this.set(read());
    },
  });
  registry.registerMetric(gauge);
}
