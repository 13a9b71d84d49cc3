import { expect } from 'chai';
import { Registry } from 'prom-client';
import { countKeys } from '../../src/metrics/key-metrics.ts';
import { metricsThat, parseMetrics, sumOf } from '../support/metrics.ts';

describe('the metrics of keys', () => {
  it('tell the last estimates, without asking for them anew', async () => {
    const registry = new Registry();
    let asked = 0;
    const estimate = async () => {
      asked += 1;
      return { workspaceKeys: 3, credentialVersions: 1_200 };
    };
    using counting = new DisposableStack();
    counting.use(countKeys({ registry, estimate, keys: { isSealed: false } }));
    const samples = await metricsThat(
      () => registry.metrics(),
      (all) => sumOf(all, 'coffer_workspace_keys') === 3,
    );
    expect(sumOf(samples, 'coffer_sealed_versions')).to.equal(1_200);
    await registry.metrics();
    expect(asked).to.equal(1);
  });

  it('are told while there is no estimate', async () => {
    const registry = new Registry();
    using counting = new DisposableStack();
    counting.use(countKeys({ registry, estimate: beAway, keys: { isSealed: true } }));
    const samples = parseMetrics(await registry.metrics());
    expect(sumOf(samples, 'coffer_sealed')).to.equal(1);
    expect(sumOf(samples, 'coffer_workspace_keys')).to.equal(0);
  });
});

async function beAway(): Promise<never> {
  throw new Error('the database is away');
}
