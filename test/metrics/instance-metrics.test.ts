import { expect } from 'chai';
import { Registry } from 'prom-client';
import { measureKeys } from '../../src/metrics/instance-metrics.ts';
import { metricsThat, parseMetrics, sumOf } from '../support/metrics.ts';

describe('the metrics of keys', () => {
  it('show the last estimates, and are read without another estimate', async () => {
    const registry = new Registry();
    let estimateCount = 0;
    const estimate = async () => {
      estimateCount += 1;
      return { workspaceKeys: 3, credentialVersions: 1_200 };
    };
    using counting = new DisposableStack();
    counting.use(measureKeys(registry, { estimate, keys: { isSealed: false } }));
    const samples = await metricsThat(
      () => registry.metrics(),
      (all) => sumOf(all, 'coffer_workspace_keys') === 3,
    );
    expect(sumOf(samples, 'coffer_sealed_versions')).to.equal(1_200);
    await registry.metrics();
    expect(estimateCount).to.equal(1);
  });

  it('are shown while there is no estimate', async () => {
    const registry = new Registry();
    using counting = new DisposableStack();
    counting.use(measureKeys(registry, { estimate: fail, keys: { isSealed: true } }));
    const samples = parseMetrics(await registry.metrics());
    expect(sumOf(samples, 'coffer_sealed')).to.equal(1);
    expect(sumOf(samples, 'coffer_workspace_keys')).to.equal(0);
  });
});

async function fail(): Promise<never> {
  throw new Error('the database is unreachable');
}
