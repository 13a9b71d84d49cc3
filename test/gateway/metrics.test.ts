import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { assert as check, asyncProperty, constantFrom, record, string, webPath } from 'fast-check';
import { Registry } from 'prom-client';
import { Health } from '../../gen/health/v1/health_pb.ts';
import type { GatewayOptions } from '../../src/gateway/gateway.ts';
import { VaultError } from '../../src/vault/errors.ts';
import { metricsThat, parseMetrics, sumOf } from '../support/metrics.ts';
import { callers, startGateway, turnableReadiness, workspaceId, type RunningGateway } from './library.ts';

const service = 'example.v1.LibraryService';
const path = `/v1/shelves/${workspaceId}/books`;
const editor = { authorization: 'Bearer editor' };
const total = 'coffer_requests_total';

/** A gateway with metrics, whose owner has the token `owner`. */
async function startMeasured(options: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
  const { editor: anEditor, ...others } = callers();
  const known: typeof others = {
    ...others,
    ...(anEditor && { editor: anEditor, owner: { ...anEditor, isOwner: true } }),
  };
  return startGateway({
    metrics: new Registry(),
    authenticate: async (headers) => {
      const token = headers.get('authorization')?.replace('Bearer ', '');
      if (token === undefined) return undefined;
      if (token === 'while-away') throw new VaultError('unavailable', 'the database is not available');
      const caller = known[token];
      if (!caller) throw new VaultError('token_invalid', 'Invalid token');
      return caller;
    },
    ...options,
  });
}

const read = async ({ origin }: RunningGateway) => (await fetch(`${origin}/metrics`)).text();

describe('the metrics of requests', () => {
  it('count what was answered, by protocol, dialect, rpc and code', async () => {
    await using running = await startMeasured();
    await fetch(running.origin + path, { headers: editor });
    await fetch(running.origin + path);
    await fetch(`${running.origin}/${service}/ListBooks`, {
      method: 'POST',
      headers: { ...editor, 'content-type': 'application/json' },
      body: JSON.stringify({ shelf: workspaceId }),
    });
    const health = createClient(Health, createGrpcTransport({ baseUrl: running.origin }));
    await health.check({});
    const ofList = { dialect: 'library', rpc: `${service}/ListBooks` };
    const expected = [
      { protocol: 'rest', ...ofList, code: '200' },
      { protocol: 'rest', ...ofList, code: '401' },
      { protocol: 'connect', ...ofList, code: 'ok' },
      { protocol: 'grpc', dialect: 'unknown', rpc: `${Health.typeName}/Check`, code: 'ok' },
    ];
    const samples = await metricsThat(
      () => read(running),
      (some) => expected.every((labels) => sumOf(some, total, labels) > 0),
    );
    for (const labels of expected) expect(sumOf(samples, total, labels)).to.equal(1);
    expect(sumOf(samples, 'coffer_request_duration_seconds_count', ofList)).to.equal(3);
    expect(sumOf(samples, 'coffer_request_duration_seconds_count')).to.equal(3);
    expect(sumOf(samples, 'coffer_request_duration_seconds_sum', ofList)).to.be.greaterThan(0);
  });

  it('contain the code of an rpc that failed, and of one that does not exist', async () => {
    await using running = await startMeasured();
    const post = (rpc: string) =>
      fetch(`${running.origin}/${service}/${rpc}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'connect-protocol-version': '1' },
        body: '{}',
      });
    await post('GetBook');
    await post('BurnBook');
    const expected = [
      { protocol: 'connect', dialect: 'library', rpc: `${service}/GetBook`, code: 'unauthenticated' },
      { protocol: 'unknown', dialect: 'unknown', rpc: 'unknown', code: 'unimplemented' },
    ];
    await metricsThat(
      () => read(running),
      (some) => expected.every((labels) => sumOf(some, total, labels) === 1),
    );
  });

  it('show whether the server is ready', async () => {
    const readiness = turnableReadiness();
    await using running = await startMeasured({ readiness });
    expect(sumOf(parseMetrics(await read(running)), 'coffer_ready')).to.equal(1);
    readiness.turn('the database is away');
    const samples = parseMetrics(await read(running));
    expect(samples.filter(({ name }) => name === 'coffer_ready')).to.deep.equal([
      { name: 'coffer_ready', labels: {}, value: 0 },
    ]);
  });

  it('have no label that a client has made up, whatever it asks for', async () => {
    await using running = await startMeasured();
    const rpcs = [`${service}/`, ...running.library.dialect.rpcs.map(({ method }) => `${service}/${method.name}`)];
    const known: Record<string, readonly string[]> = {
      protocol: ['rest', 'connect', 'grpc', 'grpc-web', 'unknown'],
      dialect: ['library', 'unknown'],
      rpc: [...rpcs, 'unknown'],
    };
    const anything = record({
      start: constantFrom('', '/v1', '/v1/shelves', `/${service}`, `/${service}X`, '/healthz', '/metrics', '/library'),
      rest: webPath(),
      method: constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'),
      type: constantFrom('application/json', 'application/grpc', 'application/grpc-web+proto', 'text/plain'),
      value: string({ unit: 'grapheme-ascii' }).map(encodeURIComponent),
    });
    const ask = asyncProperty(anything, async ({ start, rest, method, type, value }) => {
      const url = `${running.origin}${start}${rest}?q=${value}`;
      const headers = {
        'content-type': type,
        'x-request-id': value,
        traceparent: value,
        authorization: `Bearer ${value}`,
      };
      const response = await fetch(url, { method, headers, redirect: 'manual' });
      await response.arrayBuffer();
    });
    await check(ask, { numRuns: 300 });
    const counted = parseMetrics(await read(running)).filter(({ name }) => name === total);
    expect(counted.length).to.be.greaterThan(3);
    for (const { labels } of counted) {
      const { code, ...names } = labels;
      for (const [label, value] of Object.entries(names)) expect(known[label], label).to.include(value);
      expect(code).to.match(/^(?:[1-5]\d\d|[a-z_]{2,20})$/);
    }
  });
});

describe('reading the metrics', () => {
  it('is open to this very machine, in the format of Prometheus', async () => {
    await using running = await startMeasured();
    const response = await fetch(`${running.origin}/metrics`);
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
    expect(response.headers.get('cache-control')).to.equal('no-store');
    expect(await response.text()).to.contain('# TYPE coffer_requests_total counter');
  });

  for (const [title, options, headers] of [
    ['on an address that others reach', { host: '0.0.0.0' }, {}],
    ['behind a proxy that is known', { trustedProxies: ['127.0.0.1'] }, {}],
    ['behind a proxy that shows itself', {}, { 'x-forwarded-for': '192.0.2.7' }],
    ['for a page of another origin', {}, { origin: 'https://example.org' }],
  ] as const) {
    describe(title, () => {
      let running: RunningGateway;
      before(async () => {
        running = await startMeasured(options);
      });
      after(() => running[Symbol.asyncDispose]());

      const ask = async (token?: string) => {
        const authorization = token === undefined ? undefined : `Bearer ${token}`;
        const response = await fetch(`${running.origin}/metrics`, {
          headers: { ...headers, ...(authorization !== undefined && { authorization }) },
        });
        return { status: response.status, headers: response.headers, text: await response.text() };
      };

      it('is open to owners', async () => {
        const { status, text } = await ask('owner');
        expect(status).to.equal(200);
        expect(text).to.contain('coffer_ready 1');
      });

      for (const [who, token, status] of [
        ['a stranger', undefined, 401],
        ['whoever has a bad token', 'nobody', 401],
        ['whoever is no owner', 'editor', 403],
        ['whom nobody can ask for', 'while-away', 503],
      ] as const) {
        it(`is closed to ${who}`, async () => {
          const answer = await ask(token);
          expect(answer.status).to.equal(status);
          expect(answer.headers.get('www-authenticate')).to.equal(status === 401 ? 'Bearer' : null);
          expect(answer.text).not.to.contain('coffer_');
        });
      }
    });
  }

  it('counts for the limit of an address, so that tokens cannot be guessed there', async () => {
    await using running = await startMeasured({ host: '0.0.0.0', rateLimits: { perKey: 0, perAddress: 1 } });
    const guess = () => fetch(`${running.origin}/metrics`, { headers: { authorization: 'Bearer guess' } });
    expect((await guess()).status).to.equal(401);
    expect((await guess()).status).to.equal(429);
  });

  it('is not there where nothing is counted', async () => {
    await using running = await startGateway();
    expect((await fetch(`${running.origin}/metrics`)).status).to.equal(404);
  });
});
