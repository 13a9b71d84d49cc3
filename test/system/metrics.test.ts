import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { CredentialService } from '../../gen/coffer/v1/credential_service_pb.ts';
import { restClient } from '../dialects/call-rest.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { metricsThat, parseMetrics, sumOf, type Sample } from '../support/metrics.ts';

const secretText = 'a-secret-that-no-metric-tells';
const name = 'a-name-that-no-metric-tells';

describe('the metrics of a whole Coffer', () => {
  let coffer: TestCoffer;
  let token: string;
  before(async () => {
    coffer = await startCoffer();
    token = await coffer.issueKey({ role: 'EDITOR' });
  });
  after(() => coffer.stop());

  const read = async () => (await fetch(`${coffer.origin}/metrics`)).text();

  it('count calls through several dialects and gRPC', async () => {
    const call = restClient(coffer.origin);
    const scale = { type: 'key', name, payload: secretText };
    expect(
      (await call({ method: 'POST', path: '/v5/credentials', headers: { 'x-api-key': token }, body: scale })).status,
    ).to.equal(200);
    expect((await call({ path: '/mielto/api/v1/credentials', token })).status).to.equal(200);
    const client = createClient(CredentialService, createGrpcTransport({ baseUrl: coffer.origin }));
    await client.listCredentials(
      { workspaceId: coffer.defaultWorkspaceId },
      { headers: { authorization: `Bearer ${token}` } },
    );
    const expected = [
      { protocol: 'rest', dialect: 'scale', rpc: 'scale.v5.CredentialService/CreateCredential', code: '200' },
      { protocol: 'rest', dialect: 'mielto', rpc: 'mielto.v1.CredentialService/ListCredentials', code: '200' },
      { protocol: 'grpc', dialect: 'coffer', rpc: 'coffer.v1.CredentialService/ListCredentials', code: 'ok' },
    ];
    const fits = (samples: readonly Sample[]) =>
      expected.every((labels) => sumOf(samples, 'coffer_requests_total', labels) === 1);
    await metricsThat(read, fits);
  });

  it('count how many calls share a commit', async () => {
    const before = parseMetrics(await read());
    const names = Array.from({ length: 24 }, (_, index) => `shared ${index}`);
    const path = `/v1/workspaces/${coffer.defaultWorkspaceId}/credentials`;
    const bodies = names.map((display) => ({ credential: { name: display }, secret: { key: secretText } }));
    await Promise.all(bodies.map((body) => coffer.native('POST', path, body)));
    const after = parseMetrics(await read());
    const growth = (metric: string) => sumOf(after, metric) - sumOf(before, metric);
    expect(growth('coffer_commit_group_size_sum')).to.equal(names.length);
    expect(growth('coffer_commit_group_size_count')).to.be.within(1, names.length - 1);
  });

  it('describe the pool, the process and its event loop', async () => {
    const samples = parseMetrics(await read());
    const value = (metric: string) => sumOf(samples, metric);
    expect(value('coffer_ready')).to.equal(1);
    expect(value('coffer_database_connections')).to.be.within(1, 16);
    expect(value('coffer_database_connections_idle')).to.be.within(0, value('coffer_database_connections'));
    expect(value('coffer_database_calls_waiting')).to.equal(0);
    expect(value('process_resident_memory_bytes')).to.be.greaterThan(10 * 1024 * 1024);
    expect(value('nodejs_heap_size_used_bytes')).to.be.greaterThan(1024 * 1024);
    expect(value('process_cpu_user_seconds_total')).to.be.greaterThan(0);
    expect(value('process_start_time_seconds')).to.be.within(1e9, Date.now() / 1_000);
    const delays = samples.filter((sample) => sample.name === 'coffer_event_loop_delay_seconds');
    expect(delays.map(({ labels }) => labels)).to.deep.equal([
      { quantile: '0.5' },
      { quantile: '0.99' },
      { quantile: '1' },
    ]);
    for (const { value: seconds } of delays) expect(seconds).to.be.within(0, 60);
  });

  it('show that the keys are in memory, and about how many there are', async () => {
    const samples = parseMetrics(await read());
    expect(sumOf(samples, 'coffer_sealed')).to.equal(0);
    for (const metric of ['coffer_workspace_keys', 'coffer_sealed_versions']) {
      const [sample, ...more] = samples.filter((one) => one.name === metric);
      expect(sample?.labels).to.deep.equal({});
      expect(sample?.value).to.be.at.least(0);
      expect(more).to.deep.equal([]);
    }
  });

  it('reveal nothing about workspaces, credentials, callers and addresses', async () => {
    const text = await read();
    const hidden = [
      secretText,
      name,
      token,
      coffer.adminToken,
      coffer.defaultWorkspaceId,
      coffer.defaultWorkspaceShortId,
    ];
    for (const one of [...hidden, '127.0.0.1']) expect(text).not.to.contain(one);
  });

  it('are those of one Coffer only, even where another one is in the process', async () => {
    const other = await startCoffer();
    try {
      const samples = parseMetrics(await (await fetch(`${other.origin}/metrics`)).text());
      expect(sumOf(samples, 'coffer_requests_total', { dialect: 'scale' })).to.equal(0);
    } finally {
      await other.stop();
    }
  });
});
