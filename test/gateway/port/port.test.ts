import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { request as httpsRequest } from 'node:https';
import { connect as connectHttp2, type ClientHttp2Session, type SecureClientSessionOptions } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { createAuthority, type Authority } from '../certificates.ts';
import { http2Greeting, http2Request } from '../http2-frames.ts';
import { startGateway, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

const status = 'GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n';
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** An empty SETTINGS frame. */
const settings = '\0\0\0\x04\0\0\0\0\0';
const settingsAnswer = '\x04\0\0\0\0\0';

async function getOverHttp2(session: ClientHttp2Session, path = '/v1/status'): Promise<number> {
  const stream = session.request({ ':path': path });
  const [headers] = await once(stream, 'response');
  stream.resume();
  await once(stream, 'close');
  return Number(headers[':status']);
}

describe('the port in clear', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway()));
  after(() => running[Symbol.asyncDispose]());

  it('speaks HTTP/1.1', async () => {
    const response = await fetch(`${running.origin}/v1/status`);
    expect(response.status).to.equal(200);
  });

  it('speaks HTTP/2', async () => {
    const session = connectHttp2(running.origin);
    expect(await getOverHttp2(session)).to.equal(200);
    session.destroy();
  });

  for (const at of [1, 2, 3, 10]) {
    it(`detects HTTP/1.1 when its first bytes are split after ${at}`, async () => {
      const raw = await openRaw(running.port);
      raw.socket.setNoDelay(true);
      raw.write(status.slice(0, at));
      // An answer on another connection shows that the server has had its turn.
      await (await fetch(`${running.origin}/healthz`)).text();
      raw.write(status.slice(at));
      expect(await raw.until('"open":true')).to.match(/^HTTP\/1\.1 200/);
      raw.socket.destroy();
    });

    it(`detects HTTP/2 when its first bytes are split after ${at}`, async () => {
      const raw = await openRaw(running.port);
      raw.socket.setNoDelay(true);
      raw.write(preface.slice(0, at));
      await (await fetch(`${running.origin}/healthz`)).text();
      raw.write(preface.slice(at) + settings);
      await raw.until(settingsAnswer);
      raw.socket.destroy();
    });
  }

  it('takes methods that begin like the preface for HTTP/1.1', async () => {
    const raw = await openRaw(running.port);
    raw.write('PROPFIND / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 4/);
  });

  it('serves pipelined requests in their order', async () => {
    const raw = await openRaw(running.port);
    raw.write(status + status.replace('/v1/status', '/elsewhere'));
    expect(await raw.until('no such path')).to.match(/200 OK[^]*404 Not Found/);
    raw.socket.destroy();
  });

  it('ignores an upgrade to h2c', async () => {
    const raw = await openRaw(running.port);
    raw.write(status.replace('\r\n\r\n', '\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'));
    expect(await raw.until('"open":true')).to.match(/^HTTP\/1\.1 200/);
    raw.socket.destroy();
  });

  it('ends a connection that speaks something else', async () => {
    const raw = await openRaw(running.port);
    raw.write('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03');
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 400/);
  });

  it('refuses headers beyond their limit', async () => {
    const raw = await openRaw(running.port);
    raw.write(status.replace('\r\n\r\n', `\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`));
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 431/);
  });

  it('survives connections that break off', async () => {
    for (const bytes of ['', 'P', 'PRI', preface, preface + settings, 'GET /v1']) {
      const raw = await openRaw(running.port);
      raw.write(bytes);
      raw.socket.resetAndDestroy();
      await raw.closed();
    }
    expect((await fetch(`${running.origin}/healthz`)).status).to.equal(200);
  });
});

describe('a crowd', () => {
  it('of calls on one HTTP/2 connection has to wait beyond a hundred', async () => {
    await using running = await startGateway();
    const session = connectHttp2(running.origin);
    const [told] = await once(session, 'remoteSettings');
    expect(told).to.include({ maxConcurrentStreams: 100 });
    session.destroy();
  });
});

describe('a slow client', () => {
  const timeouts = {
    firstBytesMs: 40,
    headersMs: 40,
    requestMs: 80,
    checkEveryMs: 10,
    keepAliveMs: 40,
    sessionIdleMs: 40,
  };
  let running: RunningGateway;
  before(async () => (running = await startGateway({ timeouts })));
  after(() => running[Symbol.asyncDispose]());

  for (const bytes of ['', 'P', 'PR']) {
    it(`that stays silent after ${JSON.stringify(bytes)} is cut off`, async () => {
      const raw = await openRaw(running.port);
      raw.write(bytes);
      expect(await raw.closed()).to.equal('');
    });
  }

  it('that does not end its headers is cut off', async () => {
    const raw = await openRaw(running.port);
    raw.write('GET /v1/status HTTP/1.1\r\nHost: localhost\r\n');
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 408/);
  });

  it('that does not end its body is cut off', async () => {
    const raw = await openRaw(running.port);
    raw.write(
      'POST /v1/wait HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\nContent-Length: 9\r\n\r\n{',
    );
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 408/);
  });

  it('that does not end its body over HTTP/2 is cut off', async () => {
    const session = connectHttp2(running.origin);
    const stream = session.request({ ':method': 'POST', ':path': '/v1/wait', authorization: 'Bearer editor' });
    stream.write('{');
    stream.on('error', () => undefined);
    await once(stream, 'close');
    expect(stream.rstCode).not.to.equal(0);
    session.destroy();
  });

  it('that does nothing on a kept connection is let go', async () => {
    const raw = await openRaw(running.port);
    raw.write(status);
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 200/);
  });

  it('that does not end the headers of a request over HTTP/2 is cut off', async () => {
    const raw = await openRaw(running.port);
    raw.write(http2Greeting + http2Request(1, [[':method', 'GET']]).slice(0, -4));
    expect(await raw.closed()).to.contain(settingsAnswer);
  });

  it('that does nothing but ping on an HTTP/2 session is let go', async () => {
    const session = connectHttp2(running.origin);
    const pingOn = (): void => {
      if (!session.closed && !session.destroyed) session.ping(pingOn);
    };
    await once(session, 'connect');
    pingOn();
    await once(session, 'close');
    expect(session.destroyed).to.equal(true);
  });

  it('that does nothing on an HTTP/2 session is let go', async () => {
    const session = connectHttp2(running.origin);
    expect(await getOverHttp2(session)).to.equal(200);
    await once(session, 'close');
    expect(session.destroyed).to.equal(true);
  });
});

describe('the port with TLS', () => {
  let authority: Authority;
  let running: RunningGateway;
  before(async () => {
    authority = createAuthority();
    running = await startGateway({ tls: authority.issue('localhost') });
  });
  after(() => running[Symbol.asyncDispose]());

  it('speaks HTTP/2 where the client offers it', async () => {
    const session = connectHttp2(running.origin, { ca: authority.certificate });
    expect(await getOverHttp2(session)).to.equal(200);
    expect(session.alpnProtocol).to.equal('h2');
    session.destroy();
  });

  for (const protocols of [['http/1.1'], []]) {
    it(`speaks HTTP/1.1 to a client that offers ${protocols.join() || 'nothing'}`, async () => {
      const socket = connectTls({
        port: running.port,
        host: '127.0.0.1',
        ca: authority.certificate,
        ...(protocols.length > 0 && { ALPNProtocols: protocols }),
      });
      socket.write(status.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
      const [chunk] = await once(socket, 'data');
      expect(String(chunk)).to.match(/^HTTP\/1\.1 200/);
      socket.destroy();
    });
  }

  it('refuses a version of TLS that is no longer safe', async () => {
    const socket = connectTls({
      port: running.port,
      host: '127.0.0.1',
      ca: authority.certificate,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    });
    const [error] = await once(socket, 'error');
    expect(error).to.be.instanceOf(Error);
  });

  it('does not answer in clear', async () => {
    const raw = await openRaw(running.port);
    raw.write(status);
    expect(await raw.closed()).not.to.contain('HTTP');
  });

  const partsOfHandshake = {
    nothing: () => '',
    'the beginning of its greeting': (greeting: string) => greeting.slice(0, 7),
    'its greeting': (greeting: string) => greeting,
  };
  for (const [title, partOf] of Object.entries(partsOfHandshake)) {
    it(`cuts off a client that sends ${title} of its handshake and no more`, async () => {
      await using slow = await startGateway({ tls: authority.issue('localhost'), timeouts: { firstBytesMs: 40 } });
      const raw = await openRaw(slow.port);
      raw.write(partOf(await greetingOfTls()));
      expect(await raw.closed()).not.to.contain('HTTP');
    });
  }
});

describe('the port with client certificates', () => {
  let authority: Authority;
  let running: RunningGateway;
  before(async () => {
    authority = createAuthority();
    running = await startGateway({
      tls: { ...authority.issue('localhost'), clientAuthorities: authority.certificate },
    });
  });
  after(() => running[Symbol.asyncDispose]());

  const certified = (issuer: Authority) => {
    const { certificate, privateKey } = issuer.issue('client');
    return { ca: authority.certificate, cert: certificate, key: privateKey };
  };

  it('serves a client whose certificate the authority issued, over both protocols', async () => {
    const session = connectHttp2(running.origin, certified(authority));
    expect(await getOverHttp2(session)).to.equal(200);
    session.destroy();
    expect(await statusOverHttps(running.origin, certified(authority))).to.equal(200);
  });

  const strangers: Record<string, () => SecureClientSessionOptions> = {
    'without a certificate': () => ({ ca: authority.certificate }),
    'with the certificate of another authority': () => certified(createAuthority('Another authority')),
    'with the certificate of an authority of the same name': () => certified(createAuthority()),
  };
  for (const [title, options] of Object.entries(strangers)) {
    it(`refuses a client ${title}`, async () => {
      const refusal = await statusOverHttps(running.origin, options()).catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(Error);
    });
  }
});

/** What a TLS client sends first. */
async function greetingOfTls(): Promise<string> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const client = connectTls({ port, host: '127.0.0.1' });
  client.on('error', () => client.destroy());
  const [socket] = await once(listener, 'connection');
  const [greeting] = await once(socket, 'data');
  socket.destroy();
  listener.close();
  return greeting.toString('latin1');
}

function statusOverHttps(origin: string, options: SecureClientSessionOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const { ca, cert, key } = options;
    httpsRequest(`${origin}/v1/status`, { ca, cert, key, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}
