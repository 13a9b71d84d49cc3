import { expect } from 'chai';
import { once } from 'node:events';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { Gauge, Registry } from 'prom-client';
import { createManagement, type Management } from '../../../src/gateway/system/management.ts';
import { createMetricsTokenCheck } from '../../../src/gateway/system/serve-metrics.ts';
import { turnableReadiness } from '../library.ts';

const token = 'a-token-for-metrics';
const bearer = { authorization: `Bearer ${token}` };

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describe('the management listener', () => {
  let management: Management | undefined;
  let port: number;
  let readiness: ReturnType<typeof turnableReadiness>;

  async function start({ host = '127.0.0.1', metricsToken = token }: { host?: string; metricsToken?: string | null }) {
    const registry = new Registry();
    new Gauge({ name: 'coffer_example', help: 'An example.', registers: [registry] }).set(1);
    readiness = turnableReadiness();
    const isMetricsToken = createMetricsTokenCheck(metricsToken);
    const parts = { registry, readiness, isMetricsToken, log: pino({ level: 'silent' }) };
    management = createManagement({ ...parts, host, port: 0 });
    ({ port } = await management.listen());
  }

  afterEach(async () => {
    await management?.close();
    management = undefined;
  });

  async function ask(path: string, { method = 'GET', headers = {} }: Asked = {}): Promise<Reply> {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }).end();
    const [response] = await once(sent, 'response');
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  }

  it('answers the probes as the port does', async () => {
    await start({});
    expect(await ask('/healthz')).to.deep.include({ status: 200, body: '{"status":"ok"}' });
    expect(await ask('/readyz?verbose')).to.deep.include({ status: 200, body: '{"status":"ready"}' });
    readiness.turn('the database is away');
    const away = '{"status":"unavailable","reason":"the database is away"}';
    expect(await ask('/readyz')).to.deep.include({ status: 503, body: away });
    expect(await ask('/readyz', { method: 'HEAD' })).to.deep.include({ status: 503, body: '' });
    expect((await ask('/healthz')).status).to.equal(200);
  });

  it('has no other path and no other method', async () => {
    await start({ host: '0.0.0.0' });
    for (const path of ['/', '/v1/whoami', '/docs', '/openapi.json', '/metrics/', '//metrics', '/HEALTHZ', '*']) {
      expect((await ask(path, { headers: bearer })).status, path).to.equal(404);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { headers, status } = await ask('/metrics', { method, headers: bearer });
      expect([status, headers['allow']], method).to.deep.equal([405, 'GET, HEAD']);
    }
  });

  it('serves metrics on a loopback address without the token, unless the request came by a detour', async () => {
    await start({});
    const { body, headers, status } = await ask('/metrics');
    expect([status, headers['cache-control']]).to.deep.equal([200, 'no-store']);
    expect(headers['content-type']).to.match(/^text\/plain; version=0\.0\.4/);
    expect(body).to.include('coffer_example 1');
    const detours = [{ host: 'rebound.example' }, { origin: 'https://a.example' }, { 'x-forwarded-for': '192.0.2.7' }];
    for (const detour of detours) {
      expect((await ask('/metrics', { headers: detour })).status, JSON.stringify(detour)).to.equal(401);
      expect((await ask('/metrics', { headers: { ...detour, ...bearer } })).status).to.equal(200);
    }
  });

  it('demands the token on another address, also of callers on this machine', async () => {
    await start({ host: '0.0.0.0' });
    expect((await ask('/metrics', { headers: bearer })).status).to.equal(200);
    expect((await ask('/metrics', { headers: { authorization: `bearer  ${token}` } })).status).to.equal(200);
    const several = [`Bearer ${token}`, 'Bearer another-token'];
    for (const authorization of ['', token, `Basic ${token}`, `Bearer ${token}x`, 'Bearer', 'Bearer  ', several]) {
      const { body, headers, status } = await ask('/metrics', { headers: { authorization } });
      expect([status, headers['www-authenticate']], String(authorization)).to.deep.equal([401, 'Bearer']);
      expect(body).not.to.include('coffer_example');
    }
    expect((await ask('/healthz')).status).to.equal(200);
  });

  it('serves no metrics on another address where there is no token', async () => {
    await start({ host: '0.0.0.0', metricsToken: null });
    for (const authorization of ['Bearer', 'Bearer null', 'Bearer undefined']) {
      expect((await ask('/metrics', { headers: { authorization } })).status).to.equal(401);
    }
    expect((await ask('/readyz')).status).to.equal(200);
  });

  it('keeps a bounded number of connections', async () => {
    await start({});
    const sockets: Socket[] = [];
    let closed = 0;
    const { promise: oneIsClosed, resolve } = Promise.withResolvers<void>();
    for (let count = 0; count < 100; count += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined).on('close', () => ((closed += 1), resolve()));
      sockets.push(socket);
    }
    await oneIsClosed;
    for (const socket of sockets) socket.destroy();
    expect(closed).to.be.greaterThan(0);
  });

  it('closes with connections that are open, and takes none afterwards', async () => {
    await start({});
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const ended = once(socket, 'close');
    socket.on('error', () => undefined).resume();
    await management?.close();
    await ended;
    const refused = await ask('/healthz').catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'ECONNREFUSED');
  });
});
