import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { Registry } from 'prom-client';
import { Health } from '../../../gen/health/v1/health_pb.ts';
import { ServerReflection } from '../../../gen/grpc/reflection/v1/reflection_pb.ts';
import type { GatewayOptions } from '../../../src/gateway/gateway.ts';
import { parseMetrics, sumOf } from '../../support/metrics.ts';
import { createAuthority } from '../certificates.ts';
import { LibraryService } from '../gen/example/v1/example_pb.ts';
import { http2Greeting } from '../http2-frames.ts';
import { startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { openRaw, type RawConnection } from '../raw-connection.ts';

const editor = { authorization: 'Bearer editor' };
const status = 'GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n';
const health = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
const list = `GET /v1/shelves/${workspaceId}/books HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\n\r\n`;
const wait = 'POST /v1/wait HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\nContent-Length: 2\r\n\r\n{}';
/** A call that needs no authentication, and whose body has yet to come. */
const slowStatus =
  'POST /example.v1.LibraryService/GetStatus HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n';

const from = (address: string) => ({ ...editor, 'x-forwarded-for': address });
const post = (address: string) => ({
  method: 'POST',
  headers: { ...from(address), 'content-type': 'application/json' },
  body: '{}',
});

/** Opens a connection that has been answered once, so that the server knows of it. */
async function opened(port: number, request = status, localAddress = '127.0.0.1'): Promise<RawConnection> {
  const raw = await openRaw(port, { localAddress });
  raw.write(request);
  await raw.until('HTTP/1.1 200');
  return raw;
}

/** Opens a connection that the server refuses or not, and answers whether it was served. */
async function isServed(port: number, localAddress = '127.0.0.1'): Promise<boolean> {
  const raw = await openRaw(port, { localAddress });
  raw.write(status.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  return (await raw.closed()).includes('HTTP/1.1 200');
}

async function untilServed(port: number, localAddress = '127.0.0.1'): Promise<void> {
  // The server learns of a connection's end in its own time.
  while (!(await isServed(port, localAddress)));
}

/** A session of HTTP/2, whose end is no error of the test. */
async function openSession(origin: string, ca?: string): Promise<ClientHttp2Session> {
  const session = connectHttp2(origin, ca === undefined ? {} : { ca });
  session.on('error', () => undefined);
  await once(session, 'remoteSettings');
  return session;
}

describe('connections of one address', () => {
  const limited: Partial<GatewayOptions> = { connectionsPerAddress: 2 };

  it('are as many as there may be, and those of another address are taken all the same', async () => {
    await using running = await startGateway({ ...limited, metrics: new Registry() });
    const warned = running.nextLine(({ level }) => level === 40);
    const first = await opened(running.port);
    const second = await opened(running.port);
    expect(await isServed(running.port)).to.equal(false);
    expect(await isServed(running.port)).to.equal(false);
    expect(await warned).to.include({ peer: '127.0.0.1', connectionsPerAddress: 2 });
    expect(running.lines.filter(({ level }) => level === 40)).to.have.length(1);
    expect(await isServed(running.port, '127.0.0.2')).to.equal(true);
    expect(first.socket.destroyed || second.socket.destroyed).to.equal(false);
    expect(await closedBecause(running, 'address_limit')).to.equal(2);
    first.socket.destroy();
    await untilServed(running.port);
    second.socket.destroy();
  });

  it('count before they send anything, and with TLS before the handshake', async () => {
    const authority = createAuthority();
    for (const tls of [undefined, authority.issue('localhost')]) {
      await using running = await startGateway({ ...limited, ...(tls && { tls }) });
      const silent = [await openRaw(running.port), await openRaw(running.port)];
      const third = await openRaw(running.port);
      expect(await third.closed()).to.equal('');
      expect(silent.some(({ socket }) => socket.destroyed)).to.equal(false);
      for (const { socket } of silent) socket.destroy();
    }
  });

  it('count alike however its IPv4 address is written, and apart from one of IPv6', async () => {
    await using running = await startGateway({ host: '::', connectionsPerAddress: 1 });
    const first = await opened(running.port);
    expect(await isServed(running.port)).to.equal(false);
    const other = await openRaw(running.port, { host: '::1' });
    other.write(status);
    await other.until('HTTP/1.1 200');
    first.socket.destroy();
    other.socket.destroy();
  });

  it('are not limited by 0, nor those of a trusted proxy', async () => {
    for (const options of [{ connectionsPerAddress: 0 }, { ...limited, trustedProxies: ['127.0.0.0/8'] }]) {
      await using running = await startGateway(options);
      const all = [];
      for (let count = 0; count < 5; count += 1) all.push(await opened(running.port));
      for (const { socket } of all) socket.destroy();
    }
  });

  it('are a quarter of all by default', async () => {
    await using running = await startGateway({ connectionsMax: 8 });
    const all = [await opened(running.port), await opened(running.port)];
    expect(await isServed(running.port)).to.equal(false);
    for (const { socket } of all) socket.destroy();
  });
});

describe('calls in flight that come through a trusted proxy', () => {
  const behindProxy = { trustedProxies: ['127.0.0.1'], connectionsPerAddress: 1 };

  it('are limited for each forwarded address, whichever way it is written, until they end', async () => {
    await using running = await startGateway(behindProxy);
    const call = (address: string) =>
      fetch(`${running.origin}/v1/shelves/${workspaceId}/books`, { headers: from(address) });
    const began = running.library.nextWait();
    const waiting = fetch(`${running.origin}/v1/wait`, post('192.0.2.1'));
    await began;
    for (const same of ['192.0.2.1', '192.0.2.1:4711', '::ffff:192.0.2.1'])
      expect((await call(same)).status, same).to.equal(400);
    expect((await call('192.0.2.2')).status).to.equal(200);
    const ended = running.nextLine(({ route }) => route === '/v1/wait');
    running.library.release();
    expect((await waiting).status).to.equal(200);
    await ended;
    expect((await call('192.0.2.1')).status).to.equal(200);
  });

  it('count for a network of 64 bits in IPv6', async () => {
    await using running = await startGateway(behindProxy);
    const began = running.library.nextWait();
    const waiting = fetch(`${running.origin}/v1/wait`, post('2001:db8::1'));
    await began;
    const call = (address: string) =>
      fetch(`${running.origin}/v1/shelves/${workspaceId}/books`, { headers: from(address) });
    expect((await call('2001:db8:0:0:ffff::1')).status).to.equal(400);
    expect((await call('2001:db8:0:1::1')).status).to.equal(200);
    running.library.release();
    await waiting;
  });

  for (const [title, transport] of Object.entries({
    gRPC: (baseUrl: string) => createGrpcTransport({ baseUrl }),
    'Connect over HTTP/1.1': (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  })) {
    it(`are refused over ${title} as exhausted, a watch of health too`, async () => {
      await using running = await startGateway(behindProxy);
      const headers = from('192.0.2.1');
      const leaving = new AbortController();
      const client = createClient(Health, transport(running.origin));
      const watch = client.watch({}, { headers, signal: leaving.signal })[Symbol.asyncIterator]();
      await watch.next();
      const refused = [
        client.watch({}, { headers })[Symbol.asyncIterator]().next(),
        client.check({}, { headers }),
        createClient(LibraryService, transport(running.origin)).listBooks({ shelf: workspaceId }, { headers }),
      ];
      for (const call of refused) {
        const error = await call.catch((reason: unknown) => reason);
        expect(ConnectError.from(error).code).to.equal(Code.ResourceExhausted);
      }
      leaving.abort();
      await watch.next().catch(() => undefined);
    });
  }
});

describe('a port whose connections are all taken', () => {
  const crowded: Partial<GatewayOptions> = { connectionsMax: 3, connectionsPerAddress: 0 };

  it('closes the one that is idle longest without authentication, and no other', async () => {
    await using running = await startGateway({ ...crowded, metrics: new Registry() });
    const warned = running.nextLine(({ level }) => level === 40);
    const authenticated = await opened(running.port, list);
    const idleLonger = await opened(running.port);
    const idleShorter = await opened(running.port);
    const newcomer = await opened(running.port);
    expect(await warned).to.include({ connectionsMax: 3 });
    await idleLonger.closed();
    expect([authenticated, idleShorter, newcomer].some(({ socket }) => socket.destroyed)).to.equal(false);
    expect(await closedBecause(running, 'room_made', [newcomer, idleShorter])).to.be.at.least(1);
  });

  it('closes a connection with no more than a preface, and with TLS one amid its handshake', async () => {
    const authority = createAuthority();
    for (const tls of [undefined, authority.issue('localhost')]) {
      await using running = await startGateway({ ...crowded, connectionsMax: 1, ...(tls && { tls }) });
      const raw = await openRaw(running.port);
      raw.write(tls ? '' : http2Greeting);
      if (!tls) await raw.until('\x04');
      const session = await openSession(running.origin, authority.certificate);
      await raw.closed();
      session.destroy();
    }
  });

  it('spares calls in flight as long as another connection is idle, but no stream that needs no authentication', async () => {
    await using running = await startGateway({ ...crowded, connectionsMax: 2 });
    const watch = createClient(Health, createGrpcTransport({ baseUrl: running.origin })).watch({});
    const changes = watch[Symbol.asyncIterator]();
    await changes.next();
    const idle = await opened(running.port);
    const authenticated = await opened(running.port, list);
    await idle.closed();
    const another = await opened(running.port, list);
    const end = await changes.next().catch((error: unknown) => error);
    expect(end).to.be.instanceOf(ConnectError);
    for (const { socket } of [authenticated, another]) socket.destroy();
  });

  it('refuses further ones where all are authenticated', async () => {
    await using running = await startGateway({ ...crowded, connectionsMax: 2 });
    const all = [await opened(running.port, list), await opened(running.port, list)];
    expect(await isServed(running.port)).to.equal(false);
    expect(all.some(({ socket }) => socket.destroyed)).to.equal(false);
    all[0]?.socket.destroy();
    await untilServed(running.port);
    all[1]?.socket.destroy();
  });
});

describe('a connection without an authenticated call', () => {
  const brief: Partial<GatewayOptions> = { timeouts: { unauthenticatedMs: 60 } };

  it('is closed when its time is over, whatever else was asked on it', async () => {
    await using running = await startGateway({ ...brief, metrics: new Registry() });
    const authenticated = await opened(running.port, list);
    for (const request of [status, health, health.replace('healthz', 'docs')])
      expect(await (await opened(running.port, request)).closed(), request).to.match(/^HTTP\/1\.1 200/);
    for (const bytes of ['G', http2Greeting]) {
      const raw = await openRaw(running.port);
      raw.write(bytes);
      await raw.closed();
    }
    // That of the first connection was over before.
    authenticated.write(list);
    await authenticated.until('HTTP/1.1 200');
    authenticated.socket.destroy();
    expect(await closedBecause(running, 'unauthenticated')).to.be.at.least(4);
  });

  it('answers each request that was sent before it was closed, and announces the end in the last answer', async () => {
    await using running = await startGateway(brief);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const headers = [];
    while (headers.at(-1) !== 'close') {
      const request = get({ port: running.port, path: '/v1/status', agent });
      const [response] = await once(request, 'response');
      headers.push(response.headers.connection);
      await once(response.resume(), 'end');
    }
    expect(headers.length).to.be.greaterThan(1);
  });

  it('is closed over TLS alike', async () => {
    const authority = createAuthority();
    await using running = await startGateway({ ...brief, tls: authority.issue('localhost') });
    const session = await openSession(running.origin, authority.certificate);
    await once(session, 'close');
  });

  it('of HTTP/2 stays when a call on it was authenticated, by whatever protocol', async () => {
    await using running = await startGateway(brief);
    const client = createClient(LibraryService, createGrpcTransport({ baseUrl: running.origin }));
    const session = await openSession(running.origin);
    const ofRest = session.request({ ':path': `/v1/shelves/${workspaceId}/books`, ...editor });
    await once(ofRest.resume(), 'close');
    await client.listBooks({ shelf: workspaceId }, { headers: editor });
    const silent = await openSession(running.origin);
    await once(silent, 'close');
    expect(session.closed).to.equal(false);
    session.destroy();
  });

  it('is closed only after the answer under way is complete', async () => {
    await using running = await startGateway(brief);
    const raw = await openRaw(running.port);
    raw.write(slowStatus);
    const other = await opened(running.port);
    await other.closed();
    raw.write('{}');
    expect(await raw.closed())
      .to.match(/^HTTP\/1\.1 200[^]*connection: close/i)
      .and.to.contain('"open":true');
  });

  it('keeps a stream that was authenticated', async () => {
    await using running = await startGateway(brief);
    const began = running.library.nextWait();
    const client = createClient(LibraryService, createGrpcTransport({ baseUrl: running.origin }));
    const books = client.followShelf({ shelf: workspaceId }, { headers: editor })[Symbol.asyncIterator]();
    await books.next();
    await began;
    await (await opened(running.port)).closed();
    running.library.release();
    expect((await books.next()).value?.title).to.equal('the last');
  });

  it('keeps an authenticated call in flight, and stays open after it', async () => {
    await using running = await startGateway(brief);
    const raw = await openRaw(running.port);
    const began = running.library.nextWait();
    raw.write(wait);
    await began;
    await (await opened(running.port)).closed();
    running.library.release();
    await raw.until('HTTP/1.1 200');
    raw.write(list);
    await raw.until('"B1"');
    raw.socket.destroy();
  });

  it('is not closed where it is that of a trusted proxy', async () => {
    await using running = await startGateway({ ...brief, trustedProxies: ['127.0.0.1'] });
    const ofProxy = await opened(running.port);
    await (await opened(running.port, status, '127.0.0.2')).closed();
    ofProxy.write(status);
    await ofProxy.until('HTTP/1.1 200');
    expect(ofProxy.socket.destroyed).to.equal(false);
    ofProxy.socket.destroy();
  });
});

describe('a stream that needs no authentication', () => {
  const brief: Partial<GatewayOptions> = { publicStreamMs: 40 };

  for (const [title, transport] of Object.entries({
    gRPC: (baseUrl: string) => createGrpcTransport({ baseUrl }),
    'Connect over HTTP/1.1': (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  })) {
    it(`that watches health ends as unavailable when its time is over, over ${title}`, async () => {
      await using running = await startGateway(brief);
      for (const service of ['', 'nope']) {
        const watch = createClient(Health, transport(running.origin)).watch({ service })[Symbol.asyncIterator]();
        await watch.next();
        const error = await watch.next().catch((reason: unknown) => reason);
        expect(ConnectError.from(error).code).to.equal(Code.Unavailable);
      }
    });
  }

  it('that asks for descriptors ends as unavailable when its time is over', async () => {
    await using running = await startGateway(brief);
    const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: running.origin }));
    const { promise: never, resolve: endRequests } = Promise.withResolvers<void>();
    const questions = (async function* () {
      yield { messageRequest: { case: 'listServices' as const, value: '' } };
      await never;
    })();
    const answers = client.serverReflectionInfo(questions)[Symbol.asyncIterator]();
    expect((await answers.next()).value?.messageResponse.case).to.equal('listServicesResponse');
    const error = await answers.next().catch((reason: unknown) => reason);
    expect(ConnectError.from(error).code).to.equal(Code.Unavailable);
    endRequests();
  });
});

/** How many connections the server has closed for a reason, as its metrics say. */
async function closedBecause(
  { origin, port }: RunningGateway,
  reason: string,
  spare: readonly RawConnection[] = [],
): Promise<number> {
  for (const { socket } of spare) socket.destroy();
  await untilServed(port, '127.0.0.3');
  const raw = await openRaw(port, { localAddress: '127.0.0.3' });
  raw.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  expect(origin).to.match(/^http:/);
  return sumOf(
    parseMetrics((await raw.closed()).split('\r\n\r\n').slice(1).join('')),
    'coffer_connections_closed_total',
    { reason },
  );
}
