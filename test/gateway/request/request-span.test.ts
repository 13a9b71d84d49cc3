import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import type { BoundRpc } from '../../../src/gateway/contract/bound-rpc.ts';
import { assert as check, asyncProperty, constantFrom, record, string, webPath } from 'fast-check';
import { Registry } from 'prom-client';
import { Health } from '../../../gen/health/v1/health_pb.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { MemoryTracing, type EndedSpan } from '../../support/memory-tracing.ts';
import { LibraryService } from '../gen/example/v1/example_pb.ts';
import { callers, createLibrary, secretText, startGateway, workspaceId, type RunningGateway } from '../library.ts';

const service = 'example.v1.LibraryService';
const path = `/v1/shelves/${workspaceId}/books`;
const route = '/v1/shelves/{shelf}/books';
const editor = { authorization: 'Bearer editor' };
const json = { ...editor, 'content-type': 'application/json' };
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

const activeSpan = () => trace.getActiveSpan()?.spanContext().spanId;

const awayFrom = async () => {
  throw new VaultError('unavailable', 'the database is not available');
};

/** Answers the line of the log. */
const ask = async (running: RunningGateway, headers: Record<string, string>) => {
  const logged = running.nextLine(({ msg }) => msg === 'request');
  await fetch(running.origin + path, { headers });
  return logged;
};

describe('the spans of requests', () => {
  let spans: EndedSpan[] = [];
  let waiting: { readonly resolve: () => void; readonly count: number }[] = [];
  const tracing = new MemoryTracing((span) => {
    spans.push(span);
    for (const { resolve, count } of waiting) if (spans.length >= count) resolve();
  });
  const tracer = tracing.getTracer();
  /** A span ends with its answer's last byte, which the client may have seen a moment before. */
  const ended = async (count: number): Promise<readonly EndedSpan[]> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (spans.length < count) waiting.push({ resolve, count });
    else resolve();
    await promise;
    return spans;
  };
  const one = async (): Promise<EndedSpan> => {
    const [span] = await ended(1);
    expect(spans).to.have.length(1);
    if (!span) throw new Error('there is no span');
    return span;
  };
  const start = (options: Parameters<typeof startGateway>[0] = {}) => startGateway({ tracer, ...options });

  let registered: Disposable;
  beforeEach(() => {
    spans = [];
    waiting = [];
    registered = tracing.register();
  });
  afterEach(() => registered[Symbol.dispose]());

  it('of REST are named by the method and the template of the route', async () => {
    await using running = await start();
    await fetch(`${running.origin}${path}?q=${secretText}`, { headers: editor });
    const { name, kind, attributes, status, parent } = await one();
    expect(name).to.equal(`GET ${route}`);
    expect(kind).to.equal(SpanKind.SERVER);
    expect(status.code).to.equal(SpanStatusCode.UNSET);
    expect(parent).to.equal(undefined);
    expect(attributes).to.deep.equal({
      'http.request.method': 'GET',
      'http.route': route,
      'http.response.status_code': 200,
      'coffer.protocol': 'rest',
      'coffer.dialect': 'library',
      'coffer.rpc': `${service}/ListBooks`,
    });
  });

  for (const [protocol, system, transportOf] of [
    ['grpc', 'grpc', (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ['grpc-web', 'grpc', (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
    ['connect', 'connect_rpc', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
  ] as const) {
    it(`of ${protocol} are named by the rpc, and contain its code`, async () => {
      await using running = await start();
      const client = createClient(LibraryService, transportOf(running.origin));
      await client.listBooks({ shelf: workspaceId }, { headers: editor });
      await client.getBook({ shelf: workspaceId, id: 'none' }, { headers: editor }).catch(() => undefined);
      const [good, bad] = await ended(2);
      const common = {
        'http.request.method': 'POST',
        'rpc.system': system,
        'rpc.service': service,
        'coffer.protocol': protocol,
        'coffer.dialect': 'library',
      };
      const [codeOfGood, codeOfBad] =
        system === 'grpc'
          ? [{ 'rpc.grpc.status_code': 0 }, { 'rpc.grpc.status_code': 5 }]
          : [{}, { 'rpc.connect_rpc.error_code': 'not_found' }];
      const named = (method: string) => ({ 'rpc.method': method, 'coffer.rpc': `${service}/${method}` });
      expect([good?.name, bad?.name]).to.deep.equal([`${service}/ListBooks`, `${service}/GetBook`]);
      expect(good?.attributes).to.deep.equal({ ...common, ...named('ListBooks'), ...codeOfGood });
      expect(bad?.attributes).to.deep.equal({ ...common, ...named('GetBook'), ...codeOfBad });
      expect([good?.status.code, bad?.status.code]).to.deep.equal([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
    });
  }

  it('of streams end with them', async () => {
    await using running = await start();
    const client = createClient(LibraryService, createGrpcTransport({ baseUrl: running.origin }));
    const begun = running.library.nextWait();
    const stream = client.followShelf({ shelf: workspaceId }, { headers: editor })[Symbol.asyncIterator]();
    await stream.next();
    const rest = stream.next();
    await begun;
    expect(spans).to.deep.equal([]);
    running.library.release();
    await rest;
    await stream.next();
    expect((await one()).name).to.equal(`${service}/FollowShelf`);
  });

  it('are not made for health, metrics and documents', async () => {
    await using running = await start({ metrics: new Registry() });
    for (const asked of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']) {
      await (await fetch(running.origin + asked)).arrayBuffer();
    }
    await createClient(Health, createGrpcTransport({ baseUrl: running.origin })).check({});
    await fetch(running.origin + path);
    expect((await one()).name).to.equal(`GET ${route}`);
  });

  describe('that failed', () => {
    it('are errors by their status where the server is to blame, and hold no message', async () => {
      await using running = await start();
      const body = JSON.stringify({ title: 'boom', text: secretText });
      await fetch(running.origin + path, { method: 'POST', headers: json, body });
      const { status, attributes } = await one();
      expect(status).to.deep.equal({ code: SpanStatusCode.ERROR });
      expect(attributes).to.include({ 'error.type': '500', 'http.response.status_code': 500 });
      expect(JSON.stringify(spans)).not.to.contain(secretText);
    });

    for (const [protocol, transportOf] of [
      ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl })],
      ['Connect', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
    ] as const) {
      it(`are errors by their code over ${protocol}`, async () => {
        await using running = await start({ authenticate: awayFrom });
        const client = createClient(LibraryService, transportOf(running.origin));
        await client.listBooks({ shelf: workspaceId }, { headers: editor }).catch(() => undefined);
        const { status, attributes } = await one();
        expect(status.code).to.equal(SpanStatusCode.ERROR);
        expect(attributes['error.type']).to.equal('unavailable');
      });
    }

    it('are no errors where the client is to blame', async () => {
      await using running = await start();
      await fetch(running.origin + path);
      const { status, attributes } = await one();
      expect(status.code).to.equal(SpanStatusCode.UNSET);
      expect(attributes).to.include({ 'http.response.status_code': 401 }).and.not.have.property('error.type');
    });

    it('have no status where no client waited for it', async () => {
      await using running = await start();
      const giveUp = new AbortController();
      const begun = running.library.nextWait();
      const url = `${running.origin}/v1/wait`;
      const asked = fetch(url, { method: 'POST', headers: json, body: '{}', signal: giveUp.signal });
      await Promise.race([begun, asked]);
      giveUp.abort();
      await asked.catch(() => undefined);
      const { attributes } = await one();
      running.library.release();
      expect(attributes).not.to.have.any.keys('http.response.status_code', 'error.type');
    });
  });

  describe("below the client's own", () => {
    it('belong to its trace, with the members of its state that are well-formed', async () => {
      await using running = await start();
      const tracestate = `vendor=1, ${secretText}`;
      const line = await ask(running, { traceparent: `00-${traceId}-${spanId}-01`, tracestate });
      const { context, parent } = await one();
      expect(context.traceId).to.equal(traceId);
      expect(parent).to.include({ traceId, spanId, isRemote: true, traceFlags: 1 });
      expect(context.traceState?.serialize()).to.equal('vendor=1');
      expect(line['traceId']).to.equal(traceId);
    });

    it('are not recorded where it does not want that, but the log still names the trace', async () => {
      await using running = await start();
      expect((await ask(running, { traceparent: `00-${traceId}-${spanId}-00` }))['traceId']).to.equal(traceId);
      await ask(running, {});
      expect((await one()).context.traceId).not.to.equal(traceId);
    });

    it('are roots where its context is malformed', async () => {
      await using running = await start();
      const line = await ask(running, { traceparent: `00-${secretText}-${spanId}-01`, tracestate: 'vendor=1' });
      const { context, parent } = await one();
      expect(parent).to.equal(undefined);
      expect(context.traceState).to.equal(undefined);
      expect(line['traceId']).to.equal(context.traceId);
    });
  });

  it('are parents for handlers and authentication, of no other request', async () => {
    const seen: unknown[] = [];
    const library = createLibrary();
    const watch = <T extends object>(bound: T & { invoke: (...parameters: never[]) => unknown }) => ({
      ...bound,
      invoke: (...parameters: never[]) => {
        seen.push(activeSpan());
        return bound.invoke(...parameters);
      },
    });
    const watchParts = ({ invokeInParts }: BoundRpc): Pick<BoundRpc, 'invokeInParts'> =>
      invokeInParts
        ? {
            async *invokeInParts(...parameters) {
              seen.push(activeSpan());
              yield* invokeInParts(...parameters);
            },
          }
        : {};
    const rpcs = library.dialect.rpcs.map((rpc) => ({ ...rpc, ...watch(rpc), ...watchParts(rpc) }));
    const dialect = { ...library.dialect, rpcs };
    const { editor: caller } = callers();
    const authenticate = async () => {
      seen.push(activeSpan());
      return caller;
    };
    await using running = await start({ library: { ...library, dialect }, authenticate });
    await (await fetch(running.origin + path, { headers: editor })).arrayBuffer();
    for (const transport of [
      createGrpcTransport({ baseUrl: running.origin }),
      createGrpcWebTransport({ baseUrl: running.origin, httpVersion: '1.1' }),
      createConnectTransport({ baseUrl: running.origin, httpVersion: '1.1' }),
    ]) {
      await createClient(LibraryService, transport).listBooks({ shelf: workspaceId }, { headers: editor });
    }
    const ids = (await ended(4)).map(({ context }) => context.spanId);
    expect(new Set(ids).size).to.equal(4);
    expect(seen).to.deep.equal(ids.flatMap((id) => [id, id]));
  });

  it('have no name that a client has made up, whatever it asks for', async () => {
    await using running = await start();
    const anything = record({
      start: constantFrom('', '/v1', '/v1/shelves', `/${service}`, `/${service}X`, '/library'),
      rest: webPath(),
      method: constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'),
      type: constantFrom('application/json', 'application/grpc', 'application/grpc-web+proto', 'text/plain'),
      value: string({ unit: 'grapheme-ascii' }).map(encodeURIComponent),
    });
    const anyRequest = asyncProperty(anything, async ({ start: beginning, rest, method, type, value }) => {
      const headers = { 'content-type': type, traceparent: value, tracestate: value, 'x-request-id': value };
      const url = `${running.origin}${beginning}${rest}?q=${value}`;
      await (await fetch(url, { method, headers, redirect: 'manual' })).arrayBuffer();
    });
    await check(anyRequest, { numRuns: 200 });
    await fetch(running.origin, { method: 'PROPFIND' });
    await ended(201);
    const rpcs = new Set(LibraryService.methods.map(({ name }) => `${service}/${name}`));
    for (const { name, attributes } of spans) {
      const isKnown = /^(?:GET|POST|PUT|DELETE|OPTIONS|HTTP)(?: \/v1\/[\w/{}:.]+)?$/.test(name) || rpcs.has(name);
      expect(isKnown, name).to.equal(true);
      expect(attributes['http.request.method']).to.match(/^(?:GET|POST|PUT|DELETE|OPTIONS|_OTHER)$/);
    }
    expect(spans.map(({ name }) => name)).to.include('HTTP');
  });

  it('are not made without a tracer', async () => {
    await using running = await startGateway();
    await (await fetch(running.origin + path, { headers: editor })).arrayBuffer();
    await using other = await start();
    await fetch(other.origin + path, { headers: editor });
    await one();
  });
});
