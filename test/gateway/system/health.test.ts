import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { credentials, loadPackageDefinition, type Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { expect } from 'chai';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Health, HealthCheckResponse_ServingStatus as Status } from '../../../gen/health/v1/health_pb.ts';
import { startGateway, turnableReadiness, type RunningGateway } from '../library.ts';

const library = 'example.v1.LibraryService';

describe('health', () => {
  let running: RunningGateway;
  let readiness: ReturnType<typeof turnableReadiness>;
  beforeEach(async () => {
    readiness = turnableReadiness();
    running = await startGateway({ readiness });
  });
  afterEach(() => running[Symbol.asyncDispose]());

  const client = () => createClient(Health, createGrpcTransport({ baseUrl: running.origin }));

  it('is answered for the server and for each service, without a token', async () => {
    for (const service of ['', library, Health.typeName]) {
      expect((await client().check({ service })).status, service).to.equal(Status.SERVING);
    }
    readiness.turn('the database is away');
    for (const service of ['', library]) {
      expect((await client().check({ service })).status, service).to.equal(Status.NOT_SERVING);
    }
  });

  it('is not answered for an unknown service', async () => {
    const error = await client()
      .check({ service: 'nope' })
      .catch((reason: unknown) => reason);
    expect(ConnectError.from(error).code).to.equal(Code.NotFound);
  });

  it('is listed', async () => {
    const { statuses } = await client().list({});
    expect(statuses).to.have.property(library).that.includes({ status: Status.SERVING });
  });

  for (const [title, transport] of Object.entries({
    gRPC: (baseUrl: string) => createGrpcTransport({ baseUrl }),
    'Connect over HTTP/1.1': (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  })) {
    it(`is streamed as it changes, over ${title}`, async () => {
      const watch = createClient(Health, transport(running.origin)).watch({ service: library })[Symbol.asyncIterator]();
      const next = async () => (await watch.next()).value?.status;
      expect(await next()).to.equal(Status.SERVING);
      readiness.turn('the database is away');
      expect(await next()).to.equal(Status.NOT_SERVING);
      readiness.turn(undefined);
      expect(await next()).to.equal(Status.SERVING);
    });
  }

  it('of an unknown service is streamed as unknown', async () => {
    const watch = client().watch({ service: 'nope' })[Symbol.asyncIterator]();
    expect((await watch.next()).value?.status).to.equal(Status.SERVICE_UNKNOWN);
  });

  it('is no longer watched when the client has gone', async () => {
    const controller = new AbortController();
    const watch = client().watch({ service: '' }, { signal: controller.signal })[Symbol.asyncIterator]();
    await watch.next();
    expect(readiness.listenerCount).to.equal(1);
    const line = running.nextLine(({ route }) => route === 'grpc.health.v1.Health/Watch');
    controller.abort();
    await watch.next().catch(() => undefined);
    await line;
    expect(readiness.listenerCount).to.equal(0);
  });

  it('reports at the end that the server stops, and ends', async () => {
    const watch = client().watch({ service: '' })[Symbol.asyncIterator]();
    expect((await watch.next()).value?.status).to.equal(Status.SERVING);
    const closed = running.gateway.close(60_000);
    const words: unknown[] = [];
    for (;;) {
      const { value, done } = await watch.next().catch(() => ({ value: undefined, done: true }));
      if (done) break;
      words.push(value?.status);
    }
    expect(new Set(words)).to.deep.equal(new Set([Status.NOT_SERVING]));
    await closed;
  });

  it("is streamed to gRPC's own client", async () => {
    const proto = fileURLToPath(import.meta.resolve('grpc-health-check/proto/health/v1/health.proto'));
    const definition = loadSync(proto, { enums: String, defaults: true });
    const { Health: Service } = Object(loadPackageDefinition(definition)).grpc.health.v1;
    const grpc: Client & { watch(request: object): NodeJS.ReadableStream } = new Service(
      `127.0.0.1:${running.port}`,
      credentials.createInsecure(),
    );
    const stream = grpc.watch({ service: '' });
    stream.on('error', () => undefined);
    const [first] = await once(stream, 'data');
    expect(first).to.include({ status: 'SERVING' });
    readiness.turn('the database is away');
    const [second] = await once(stream, 'data');
    expect(second).to.include({ status: 'NOT_SERVING' });
    grpc.close();
    Reflect.get(stream, 'cancel').call(stream);
  });

  it('is answered to probes over HTTP', async () => {
    expect(await get(running.origin, '/healthz')).to.deep.equal([200, { status: 'ok' }]);
    expect(await get(running.origin, '/readyz')).to.deep.equal([200, { status: 'ready' }]);
    readiness.turn('the database is away');
    expect(await get(running.origin, '/healthz')).to.deep.equal([200, { status: 'ok' }]);
    expect(await get(running.origin, '/readyz')).to.deep.equal([
      503,
      { status: 'unavailable', reason: 'the database is away' },
    ]);
  });
});

async function get(origin: string, path: string): Promise<[number, unknown]> {
  const response = await fetch(origin + path);
  return [response.status, await response.json()];
}
