import type { Registry } from 'prom-client';
import type { RowEstimates } from '../store/workspaces/row-estimates.ts';
import { addGauge } from './add-gauge.ts';

/** What the metrics of keys are read from. */
export interface KeyMetricsParts {
  readonly registry: Registry;
  /** Asked at the start, and then every minute. */
  readonly estimate: () => Promise<RowEstimates>;
  readonly keys: { readonly isSealed: boolean };
}

const estimateEveryMs = 60_000;

/**
 * Adds whether the keys are at hand, how many there are, and how much they seal: together, not one by one, since there may be
 * any number of them. While the database is away the last estimates stay. Dispose it to end the asking.
 */
export function countKeys({ estimate, keys, registry }: KeyMetricsParts): Disposable {
  let last: RowEstimates = { workspaceKeys: 0, credentialVersions: 0 };
  const ask = async () => {
    // Whoever watches the database is told elsewhere that it is away.
    last = await estimate().catch(() => last);
  };
  addGauge(registry, {
    name: 'coffer_sealed',
    help: '1 while the keys are not in memory, so that no secret can be opened or sealed, else 0.',
    read: () => Number(keys.isSealed),
  });
  addGauge(registry, {
    name: 'coffer_workspace_keys',
    help: 'About how many keys of workspaces there are, by an estimate of the last minute.',
    read: () => last.workspaceKeys,
  });
  addGauge(registry, {
    name: 'coffer_sealed_versions',
    help: 'About how many versions of secrets these keys seal, by an estimate of the last minute.',
    read: () => last.credentialVersions,
  });
  void ask();
  const timer = setInterval(() => void ask(), estimateEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
