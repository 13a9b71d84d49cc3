import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type OutgoingHttpHeaders } from 'node:http2';
import { startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

const rpc = '/example.v1.LibraryService';
const book = JSON.stringify({ title: 'T', text: 'x' });
const json = 'application/json';

interface Expecting {
  readonly path: string;
  readonly status: number;
  readonly token?: string;
  readonly type?: string;
  readonly length?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Requests whose bodies nobody would read. */
const refused: Readonly<Record<string, Expecting>> = {
  'from nobody, over REST': { path: `/v1/shelves/${workspaceId}/books`, status: 401 },
  'from nobody, over Connect': { path: `${rpc}/CreateBook`, status: 401 },
  'from nobody, over Connect in binary': { path: `${rpc}/CreateBook`, status: 401, type: 'application/proto' },
  'that is too large, over REST': {
    path: `/v1/shelves/${workspaceId}/books`,
    token: 'editor',
    length: 20_001,
    status: 413,
  },
  'that is too large, over Connect': { path: `${rpc}/CreateBook`, token: 'editor', length: 20_001, status: 429 },
  'for a path that is none': { path: '/nowhere', token: 'editor', status: 404 },
  'for a method that is none': { path: '/v1/status', token: 'editor', status: 405 },
};

function head({ path, token, type = json, length = book.length, headers = {} }: Omit<Expecting, 'status'>): string {
  const lines = Object.entries({
    host: '127.0.0.1',
    expect: '100-continue',
    'content-type': type,
    'content-length': length,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

describe('a client that expects 100 Continue', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway({ bodyBytesMax: 20_000 })));
  after(() => running[Symbol.asyncDispose]());

  for (const [title, request] of Object.entries(refused)) {
    it(`gets the final status at once, and its connection ends: a body ${title}`, async () => {
      const raw = await openRaw(running.port);
      raw.write(head(request));
      const answer = await raw.closed();
      expect(answer)
        .to.match(new RegExp(`^HTTP/1\\.1 ${request.status} `))
        .and.match(/connection: close/i);
      expect(answer).not.to.contain('100 Continue');
    });
  }

  for (const path of [`/v1/shelves/${workspaceId}/books`, `${rpc}/CreateBook`]) {
    it(`is asked for a body that is read, once, and keeps its connection: ${path}`, async () => {
      const raw = await openRaw(running.port);
      raw.write(head({ path, token: 'editor', headers: { 'x-shelf': workspaceId } }));
      expect(await raw.until('\r\n\r\n')).to.equal('HTTP/1.1 100 Continue\r\n\r\n');
      raw.write(book);
      const answer = await raw.until('"id":"B1"');
      expect(answer.split('100 Continue')).to.have.length(2);
      raw.write('GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      expect(await raw.until('"open"')).to.contain('"open":true');
      raw.socket.destroy();
    });
  }

  it('is asked for what Connect itself decodes, too', async () => {
    const raw = await openRaw(running.port);
    const type = 'application/grpc-web+proto';
    raw.write(head({ path: `${rpc}/GetStatus`, token: 'editor', type, length: 5 }));
    expect(await raw.until('\r\n\r\n')).to.equal('HTTP/1.1 100 Continue\r\n\r\n');
    raw.write('\0\0\0\0\0');
    expect(await raw.until('grpc-status')).to.contain('grpc-status: 0');
    raw.socket.destroy();
  });

  it('need not wait', async () => {
    const raw = await openRaw(running.port);
    raw.write(head({ path: `/v1/shelves/${workspaceId}/books`, token: 'editor' }) + book);
    expect(await raw.until('"id":"B1"')).to.contain(' 201 Created');
    raw.socket.destroy();
  });

  async function overHttp2(headers: OutgoingHttpHeaders): Promise<{ continued: boolean; status: unknown }> {
    const session = connect(running.origin);
    const stream = session.request({ ':method': 'POST', 'content-type': json, ...headers });
    let continued = false;
    stream.once('continue', () => {
      continued = true;
      stream.end(book);
    });
    const [{ ':status': status }] = await once(stream, 'response');
    session.destroy();
    return { continued, status };
  }

  it('is treated alike over HTTP/2', async () => {
    const expecting = { ':path': `/v1/shelves/${workspaceId}/books`, expect: '100-continue' };
    expect(await overHttp2(expecting)).to.deep.equal({ continued: false, status: 401 });
    const token = { authorization: 'Bearer editor' };
    const large = { ...expecting, ...token, 'content-length': 20_001 };
    expect(await overHttp2(large)).to.deep.equal({ continued: false, status: 413 });
    expect(await overHttp2({ ...expecting, ...token })).to.deep.equal({ continued: true, status: 201 });
  });

  it('may expect nothing else', async () => {
    for (const expectation of ['the-best', '100-continue, the-best']) {
      const raw = await openRaw(running.port);
      const lines = ['GET /v1/status HTTP/1.1', 'Host: a', `Expect: ${expectation}`, 'Connection: close'];
      raw.write(`${lines.join('\r\n')}\r\n\r\n`);
      const answer = await raw.closed();
      expect(answer, expectation)
        .to.match(/^HTTP\/1\.1 417 /)
        .and.contain('"code":"failed_precondition"');
    }
    const overTwo = await overHttp2({ ':method': 'GET', ':path': '/v1/status', expect: 'the-best' });
    expect(overTwo).to.deep.equal({ continued: false, status: 417 });
  });
});
