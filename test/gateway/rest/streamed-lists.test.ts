import { expect } from 'chai';
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { GatewayOptions } from '../../../src/gateway/gateway.ts';
import type { Caller } from '../../../src/vault/caller.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { createAuthority } from '../certificates.ts';
import { callers, createLibrary, startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

const path = `/v1/shelves/${workspaceId}/books`;
const editor = { authorization: 'Bearer editor' };
const rawRequest = (version = '1.1') =>
  `GET ${path} HTTP/${version}\r\nHost: localhost\r\nAuthorization: Bearer editor\r\n\r\n`;
const routeOfList = '/v1/shelves/{shelf}/books';

type Chunks = AsyncIterable<readonly string[]> | Iterable<readonly string[]>;

function serve(chunks: Chunks, options: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
  return startGateway({ library: createLibrary({}, 'library', chunks), ...options });
}

/** Two chunks, and a third once it is let; then it goes on as the test says. */
function heldList(goOn: () => void = () => undefined) {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const chunks = (async function* () {
    yield ['B1'];
    yield ['B2'];
    await held;
    goOn();
    yield ['B3'];
    yield ['B4'];
  })();
  return { chunks, letGo };
}

function getOverHttp2(origin: string) {
  const session = connectHttp2(origin);
  session.on('error', () => undefined);
  const stream = session.request({ ':path': path, ...editor });
  stream.on('error', () => undefined);
  return { session, stream };
}

const idsOf = (text: string) => JSON.parse(text).map(({ id }: { id: string }) => id);

const failure = () => {
  throw new Error('a bug');
};

async function textOf(stream: ClientHttp2Stream): Promise<string> {
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => stream.once('close', resolve));
  return text;
}

describe('a list without pages', () => {
  const lists: Record<string, readonly (readonly string[])[]> = {
    'of nothing': [[]],
    'of one chunk': [['B1', 'B2']],
    'of chunks': [['B1'], ['B2', 'B3'], ['B4']],
    'with chunks of nothing among others': [[], ['B1'], [], [], ['B2'], []],
    'of chunks of nothing': [[], [], []],
  };
  for (const [title, chunks] of Object.entries(lists)) {
    it(`${title} is one array, over HTTP/1.1 and HTTP/2`, async () => {
      await using running = await serve(chunks);
      const expected = chunks.flat();
      const response = await fetch(running.origin + path, { headers: editor });
      expect([response.status, response.headers.get('content-type')]).to.deep.equal([
        200,
        'application/json; charset=utf-8',
      ]);
      expect(idsOf(await response.text())).to.deep.equal(expected);
      const { session, stream } = getOverHttp2(running.origin);
      expect(idsOf(await textOf(stream))).to.deep.equal(expected);
      session.destroy();
    });
  }

  it('is read no faster than its client takes it', async () => {
    let read = 0;
    const endless = {
      *[Symbol.iterator]() {
        for (; read < 1_000; read += 1) yield Array.from({ length: 100 }, () => 'B'.repeat(1_000));
      },
    };
    await using running = await serve(endless, { timeouts: { unreadMs: 80 } });
    const { session, stream } = getOverHttp2(running.origin);
    await once(stream, 'response');
    // What is not read for so long is given up.
    await new Promise((resolve) => session.once('close', resolve));
    expect(read).to.be.lessThan(10);
  });

  it('is answered to HEAD without its body', async () => {
    await using running = await serve([['B1'], ['B2']]);
    const response = await fetch(running.origin + path, { method: 'HEAD', headers: editor });
    expect([response.status, await response.text()]).to.deep.equal([200, '']);
  });

  it('is refused as ever where it fails before its first byte', async () => {
    await using running = await serve(
      (function* () {
        yield ['B1'];
        throw new VaultError('unavailable', 'the database is not available');
      })(),
    );
    expect((await fetch(running.origin + path, { headers: editor })).status).to.equal(503);
  });

  it('is no longer read when its client has gone', async () => {
    const { promise: ended, resolve: noteEnd } = Promise.withResolvers<void>();
    await using running = await serve(
      (async function* () {
        try {
          for (;;) yield ['B'.repeat(100_000)];
        } finally {
          noteEnd();
        }
      })(),
    );
    const raw = await openRaw(running.port);
    raw.write(rawRequest());
    await raw.until('HTTP/1.1 200');
    raw.socket.destroy();
    await ended;
  });
});

describe('a list that fails after its first byte', () => {
  it('is aborted without its end over HTTP/1.1, and logged', async () => {
    const { chunks, letGo } = heldList(failure);
    await using running = await serve(chunks);
    const line = running.nextLine(({ route, status }) => route === routeOfList && status !== undefined);
    const warned = running.nextLine(({ msg }) => msg === 'a list was cut off');
    const raw = await openRaw(running.port);
    const reset = once(raw.socket, 'error').then(([error]) => error.code);
    raw.write(rawRequest());
    await raw.until('"B1"');
    letGo();
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 200/);
    expect(await raw.closed()).not.to.contain('\r\n0\r\n');
    expect(await reset).to.equal('ECONNRESET');
    expect(await line).to.include({ status: 200, isAborted: true });
    expect(await warned).to.include({ route: routeOfList });
  });

  it('is cut off over HTTP/1.0, where the end of the connection would be its end', async () => {
    const { chunks, letGo } = heldList(failure);
    await using running = await serve(chunks);
    const raw = await openRaw(running.port);
    const reset = once(raw.socket, 'error').then(([error]) => error.code);
    raw.write(rawRequest('1.0'));
    await raw.until('"B1"');
    letGo();
    expect(await reset).to.equal('ECONNRESET');
  });

  it('is cut off by a reset over HTTP/2, and its connection serves on', async () => {
    const { chunks, letGo } = heldList(failure);
    await using running = await serve(chunks);
    const { session, stream } = getOverHttp2(running.origin);
    await once(stream, 'response');
    const text = textOf(stream);
    letGo();
    const received = await text;
    expect(received).to.contain('"B1"');
    expect(() => JSON.parse(received)).to.throw(SyntaxError);
    expect(stream.rstCode).not.to.equal(0);
    const next = session.request({ ':path': '/healthz' });
    const [headers] = await once(next, 'response');
    expect(headers[':status']).to.equal(200);
    session.destroy();
  });

  it('is cut off over TLS', async () => {
    const authority = createAuthority();
    const { chunks, letGo } = heldList(failure);
    await using running = await serve(chunks, { tls: authority.issue('localhost') });
    const socket = connectTls({ port: running.port, host: '127.0.0.1', ca: authority.certificate });
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    const { promise: failed, resolve: noteFailure } = Promise.withResolvers<void>();
    socket.on('error', () => noteFailure());
    socket.write(rawRequest());
    while (!received.includes('"B1"')) await once(socket, 'data');
    letGo();
    await failed;
    expect(received).not.to.contain('\r\n0\r\n');
  });

  it('is cut off when its caller is revoked, and the denial is recorded', async () => {
    const tokens = new Map<string, Caller>(Object.entries(callers()));
    const { chunks, letGo } = heldList(() => tokens.delete('editor'));
    const denied: string[] = [];
    await using running = await serve(chunks, {
      authenticationMaxAgeMs: 0,
      authenticate: async (headers) => {
        const caller = tokens.get(headers.get('authorization')?.replace('Bearer ', '') ?? '');
        if (!caller) throw new VaultError('token_invalid', 'Invalid token');
        return caller;
      },
      denials: {
        recordDenied: async (_, { code }) => void denied.push(code),
        countUnauthenticated: (_, { code }) => void denied.push(code),
      },
    });
    const raw = await openRaw(running.port);
    raw.write(rawRequest());
    await raw.until('"B1"');
    letGo();
    expect(await raw.closed()).not.to.contain('"B3"');
    expect(denied).to.deep.equal(['token_invalid']);
  });

  it('is cut off when the server stops and its time is over', async () => {
    const { chunks, letGo } = heldList();
    const running = await serve(chunks);
    const raw = await openRaw(running.port);
    raw.write(rawRequest());
    await raw.until('"B1"');
    await running.gateway.close(20);
    expect(await raw.closed()).not.to.contain('\r\n0\r\n');
    letGo();
  });

  it('ends whole when the server stops, as long as there is time', async () => {
    const { chunks, letGo } = heldList();
    const running = await serve(chunks);
    const raw = await openRaw(running.port);
    raw.write(rawRequest());
    await raw.until('"B1"');
    const closed = running.gateway.close(60_000);
    letGo();
    expect(await raw.closed())
      .to.contain('"B4"')
      .and.to.match(/\r\n0\r\n\r\n$/);
    await closed;
  });
});
