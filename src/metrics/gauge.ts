import { Gauge, type Registry } from 'prom-client';

/** A number that is read anew whenever somebody asks for the metrics. */
export interface GaugeParts {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** Adds a gauge to a registry, and to no other one. */
export function addGauge(registry: Registry, { name, help, read }: GaugeParts): void {
  const gauge = new Gauge({
    name,
    help,
    // Without it, the library adds the gauge to one of its own, which all share.
    registers: [],
    collect() {
      this.set(read());
    },
  });
  registry.registerMetric(gauge);
}
