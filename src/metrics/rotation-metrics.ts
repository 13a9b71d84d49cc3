import type { Registry } from 'prom-client';
import type { RotationProgress } from '../vault/workspaces/rotation-ports.ts';
import { addGauge } from './gauge.ts';

/** What the metrics of rotations are read from. */
export interface RotationMetricsParts {
  readonly keys: { readonly isSealed: boolean };
  /** Called every 10 s, but not while the vault is sealed. */
  readonly findProgress: () => Promise<RotationProgress | undefined>;
}

const readEveryMs = 10_000;

/** Adds the progress of all rotations of workspaces' keys that are under way. Disposing it ends the reading. */
export function measureRotations(registry: Registry, { findProgress, keys }: RotationMetricsParts): Disposable {
  let last: RotationProgress | undefined;
  const update = async (): Promise<void> => {
    // Other metrics report a database that is unreachable.
    if (!keys.isSealed) last = await findProgress().catch(() => last);
  };
  addGauge(registry, {
    name: 'coffer_key_rotation_versions_done',
    help: 'Versions that the rotations under way have sealed with new keys; 0 if there is none.',
    read: () => last?.done ?? 0,
  });
  addGauge(registry, {
    name: 'coffer_key_rotation_versions_total',
    help: 'Versions that the rotations under way have to seal with new keys, once they are counted; 0 if there is none.',
    read: () => last?.total ?? 0,
  });
  addGauge(registry, {
    name: 'coffer_key_rotation_versions_per_second',
    help: 'Versions a second that the rotations under way seal with new keys, on average.',
    read: () => last?.versionsPerSecond ?? 0,
  });
  addGauge(registry, {
    name: 'coffer_key_rotation_unreadable_versions',
    help: 'Versions that keep a former key from being destroyed, because they do not open or were changed outside of Coffer.',
    read: () => last?.unreadable ?? 0,
  });
  const timer = setInterval(() => void update(), readEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
