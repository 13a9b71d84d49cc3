import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { startGateway, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

interface Refused {
  readonly status: number;
  readonly headers: string;
  readonly body: unknown;
}

describe('what is no request of HTTP/1.1', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway({ timeouts: { headersMs: 50, requestMs: 50, checkEveryMs: 10 } })));
  after(() => running[Symbol.asyncDispose]());

  async function send(text: string): Promise<Refused> {
    const raw = await openRaw(running.port);
    raw.write(text);
    const [head = '', body = ''] = (await raw.closed()).split('\r\n\r\n');
    return { status: Number(head.split(' ')[1]), headers: head.toLowerCase(), body: JSON.parse(body) };
  }

  const host = 'Host: localhost\r\n\r\n';
  const refused: Readonly<Record<string, readonly [text: string, status: number, code: string]>> = {
    'an unknown method': [`BREW /v1/status HTTP/1.1\r\n${host}`, 501, 'unimplemented'],
    'a method in small letters': [`get /v1/status HTTP/1.1\r\n${host}`, 501, 'unimplemented'],
    'a tunnel': [`CONNECT vault.example:443 HTTP/1.1\r\n${host}`, 501, 'unimplemented'],
    'no HTTP at all': ['hello there\r\n\r\n', 400, 'invalid_argument'],
    'a header without a colon': [`GET /v1/status HTTP/1.1\r\nodd\r\n${host}`, 400, 'invalid_argument'],
    'two lengths': [`POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n${host}`, 400, 'invalid_argument'],
    'headers without end': [`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n${host}`, 431, 'resource_exhausted'],
    'headers that never come whole': ['GET / HTTP/1.1\r\nHost: ', 408, 'deadline_exceeded'],
  };
  for (const [title, [text, status, code]] of Object.entries(refused)) {
    it(`is answered in the format of native errors: ${title}`, async () => {
      const answer = await send(text);
      expect([answer.status, Object(answer.body).code]).to.deep.equal([status, code]);
      expect(answer.headers).to.contain('content-type: application/json').and.contain('connection: close');
      expect(Object(answer.body).message)
        .to.be.a('string')
        .and.match(/^[a-z][^\r\n]+$/);
    });
  }

  it('includes a request without a host, and one with two', async () => {
    for (const hosts of ['', 'Host: a\r\nHost: b\r\n']) {
      const { status, body } = await send(`GET /v1/status HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
      expect([status, Object(body).code], hosts).to.deep.equal([400, 'invalid_argument']);
    }
  });

  for (const method of ['PROPFIND', 'LOCK', 'QUERY']) {
    it(`does not include ${method}, which no path has`, async () => {
      const own = await send(`${method} /healthz HTTP/1.1\r\nConnection: close\r\n${host}`);
      expect([own.status, Object(own.body).code]).to.deep.equal([405, 'unimplemented']);
      expect(own.headers).to.contain('allow: get, head');
      const ofDialect = await send(`${method} /v1/status HTTP/1.1\r\nConnection: close\r\n${host}`);
      expect([ofDialect.status, Object(ofDialect.body).kind]).to.deep.equal([405, 'method_not_allowed']);
    });
  }

  it('is known by no method over HTTP/2', async () => {
    const session = connect(running.origin);
    const stream = session.request({ ':method': 'BREW', ':path': '/healthz' });
    const [headers] = await once(stream.resume(), 'response');
    session.destroy();
    expect([headers[':status'], headers['allow']]).to.deep.equal([405, 'GET, HEAD']);
  });
});
