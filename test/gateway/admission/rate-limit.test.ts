import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { Health, HealthCheckResponse_ServingStatus } from '../../../gen/health/v1/health_pb.ts';
import { ErrorInfoSchema, RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import type { GatewayOptions } from '../../../src/gateway/gateway.ts';
import { LibraryService } from '../gen/example/v1/example_pb.ts';
import { callers, startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { refusalOf } from '../../support/refusals.ts';

const path = `/v1/shelves/${workspaceId}/books`;

/** A gateway with limits, whose time stands still unless it is moved on. */
async function startLimited(
  rateLimits: GatewayOptions['rateLimits'],
  options: Partial<GatewayOptions> = {},
): Promise<{ readonly running: RunningGateway; readonly time: { ms: number } }> {
  const time = { ms: Date.UTC(2024, 0, 1) };
  const clock = { now: () => new Date(time.ms) };
  return { running: await startGateway({ clock, ...(rateLimits && { rateLimits }), ...options }), time };
}

async function listBooks({ origin }: RunningGateway, headers: Record<string, string>): Promise<number> {
  const response = await fetch(origin + path, { headers });
  await response.text();
  return response.status;
}

const editor = { authorization: 'Bearer editor' };
const viewer = { authorization: 'Bearer viewer' };
// What the library's dialect has no status for is 400.
const [served, refused, unknown] = [200, 400, 401];

/** Takes every token for a viewer of its own. */
const believe: GatewayOptions['authenticate'] = async (headers) => {
  const { viewer: known } = callers();
  return known && { ...known, id: headers.get('authorization') ?? '' };
};

function from(address: string): Record<string, string> {
  return { ...viewer, 'x-forwarded-for': address };
}

const transports: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  Connect: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' }),
};

describe('a limit of calls a second', () => {
  let running: RunningGateway;
  let time: { ms: number };

  afterEach(() => running[Symbol.asyncDispose]());

  it('is none unless it is set', async () => {
    ({ running } = await startLimited(undefined));
    for (let call = 0; call < 50; call += 1) expect(await listBooks(running, viewer)).to.equal(served);
  });

  it('of a key refuses only that key, until it has waited', async () => {
    ({ running, time } = await startLimited({ perKey: 2, perAddress: 0 }, { authenticate: believe }));
    const statuses = [];
    for (let call = 0; call < 3; call += 1) statuses.push(await listBooks(running, viewer));
    expect(statuses).to.deep.equal([served, served, refused]);
    expect(await listBooks(running, editor)).to.equal(served);
    const answer = await fetch(running.origin + path, { headers: viewer });
    expect(await answer.text()).to.contain('"code":"resource_exhausted"');
    time.ms += 500;
    expect([await listBooks(running, viewer), await listBooks(running, viewer)]).to.deep.equal([served, refused]);
    expect(running.library.calls).to.have.length(4);
  });

  it('of a key counts every protocol', async () => {
    ({ running } = await startLimited({ perKey: 3, perAddress: 0 }));
    for (const make of Object.values(transports)) {
      await createClient(LibraryService, make(running.origin)).listBooks({ shelf: workspaceId }, { headers: viewer });
    }
    expect(await listBooks(running, viewer)).to.equal(refused);
  });

  it('of a key counts a caller once whose authentication is renewed', async () => {
    ({ running } = await startLimited({ perKey: 2, perAddress: 2 }, { authenticationMaxAgeMs: -1 }));
    expect([await listBooks(running, viewer), await listBooks(running, viewer)]).to.deep.equal([served, served]);
    expect(await listBooks(running, viewer)).to.equal(refused);
  });

  it('of a key counts no unauthenticated calls', async () => {
    ({ running } = await startLimited({ perKey: 1, perAddress: 0 }));
    for (let call = 0; call < 5; call += 1)
      expect(await listBooks(running, { authorization: 'Bearer x' })).to.equal(unknown);
    expect(await listBooks(running, viewer)).to.equal(served);
  });

  for (const [protocol, make] of Object.entries(transports)) {
    it(`is RESOURCE_EXHAUSTED over ${protocol}, with when to try again`, async () => {
      ({ running } = await startLimited({ perKey: 2, perAddress: 0 }));
      const client = createClient(LibraryService, make(running.origin));
      const call = () => client.listBooks({ shelf: workspaceId }, { headers: viewer });
      await call();
      await call();
      const refusal = await refusalOf(call(), ConnectError);
      expect(refusal.code).to.equal(Code.ResourceExhausted);
      expect(refusal.rawMessage).to.equal('too many requests');
      expect(refusal.metadata.get('retry-after')).to.equal('1');
      expect(refusal.findDetails(ErrorInfoSchema)[0]).to.include({ reason: 'RESOURCE_EXHAUSTED', domain: 'coffer' });
      expect(refusal.findDetails(RetryInfoSchema)[0]?.retryDelay).to.include({ seconds: 0n, nanos: 500_000_000 });
    });
  }

  it('of an address refuses all callers from there, before authentication', async () => {
    const asked: string[] = [];
    const authenticate: GatewayOptions['authenticate'] = async (headers) => {
      asked.push(headers.get('authorization') ?? '');
      return callers()['viewer'];
    };
    ({ running, time } = await startLimited({ perKey: 0, perAddress: 2 }, { authenticate }));
    const tokens = ['Bearer one', 'Bearer two', 'Bearer three', 'Bearer four'];
    const statuses = [];
    for (const authorization of tokens) statuses.push(await listBooks(running, { authorization }));
    expect(statuses).to.deep.equal([served, served, refused, refused]);
    expect(asked).to.deep.equal(tokens.slice(0, 2));
    time.ms += 1_000;
    expect(await listBooks(running, editor)).to.equal(served);
  });

  it('of an address counts public and unauthenticated calls', async () => {
    ({ running } = await startLimited({ perKey: 0, perAddress: 2 }));
    const status = () => fetch(`${running.origin}/v1/status`).then((response) => response.status);
    expect([await status(), await listBooks(running, {}), await status()]).to.deep.equal([served, unknown, refused]);
  });

  it('of an address does not refuse health checks and probes', async () => {
    ({ running } = await startLimited({ perKey: 0, perAddress: 1 }));
    await listBooks(running, viewer);
    const health = createClient(Health, createGrpcTransport({ baseUrl: running.origin }));
    for (let call = 0; call < 5; call += 1) {
      expect((await fetch(`${running.origin}/healthz`)).status).to.equal(200);
      expect((await health.check({})).status).to.equal(HealthCheckResponse_ServingStatus.SERVING);
    }
  });

  it('of an address believes only trusted proxies about it', async () => {
    ({ running } = await startLimited({ perKey: 0, perAddress: 1 }, { trustedProxies: ['127.0.0.1'] }));
    expect(await listBooks(running, from('192.0.2.1'))).to.equal(served);
    expect(await listBooks(running, from('192.0.2.2'))).to.equal(served);
    expect(await listBooks(running, from('192.0.2.1'))).to.equal(refused);
    expect(await listBooks(running, from('2001:db8:1:2::1'))).to.equal(served);
    expect(await listBooks(running, from('2001:db8:1:2::9'))).to.equal(refused);
    await running[Symbol.asyncDispose]();
    ({ running } = await startLimited({ perKey: 0, perAddress: 1 }));
    expect(await listBooks(running, from('192.0.2.1'))).to.equal(served);
    expect(await listBooks(running, from('192.0.2.2'))).to.equal(refused);
  });

  for (const [address, spellings] of Object.entries({
    '192.0.2.1': [
      '192.0.2.1',
      '192.0.2.1:50123',
      '[192.0.2.1]:1',
      '::ffff:192.0.2.1',
      '::FFFF:C000:0201',
      '[::ffff:c000:201]',
    ],
    '2001:db8:1:2::1': ['2001:DB8:1:2::1', '[2001:db8:1:2::9]:443', '2001:0db8:0001:0002:0000:0000:0000:0001%eth0'],
    'the proxy': ['unknown', '_hidden', '01.2.3.4', '192.0.2.9, nonsense', '"192.0.2.8"', 'x'.repeat(2_000)],
  })) {
    it(`of an address counts every spelling of ${address} in every protocol`, async () => {
      const limit = spellings.length;
      const options = { trustedProxies: ['::ffff:127.0.0.1'] };
      ({ running } = await startLimited({ perKey: 0, perAddress: limit }, options));
      const ways = [
        (headers: Record<string, string>) => listBooks(running, headers),
        ...Object.values(transports).map((make) => async (headers: Record<string, string>) => {
          await createClient(LibraryService, make(running.origin)).listBooks({ shelf: workspaceId }, { headers });
          return served;
        }),
      ];
      for (const [index, spelling] of spellings.entries()) {
        expect(await ways[index % ways.length]?.(from(spelling)), spelling).to.equal(served);
      }
      for (const spelling of spellings) expect(await listBooks(running, from(spelling)), spelling).to.equal(refused);
      const peers = running.lines.filter(({ msg }) => msg === 'request').map(({ peer }) => peer);
      expect(peers).to.have.length.greaterThan(limit);
      for (const peer of peers) expect(peer).to.match(/^(?:192\.0\.2\.1|2001:db8:1:2::[19]|127\.0\.0\.1)$/);
    });
  }

  it('does not disturb the next request on a connection, whose body was not read', async () => {
    ({ running, time } = await startLimited({ perKey: 0, perAddress: 1 }));
    const create = async () => {
      const body = JSON.stringify({ title: 'T', text: 'x' });
      const headers = { ...editor, 'content-type': 'application/json' };
      const response = await fetch(running.origin + path, { method: 'POST', headers, body });
      await response.text();
      return response.status;
    };
    expect([await create(), await create(), await create()]).to.deep.equal([201, refused, refused]);
    time.ms += 1_000;
    expect(await create()).to.equal(201);
  });
});
