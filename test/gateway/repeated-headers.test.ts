import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type OutgoingHttpHeaders } from 'node:http2';
import { http2Greeting, http2Request } from './http2-frames.ts';
import { startGateway, workspaceId, type RunningGateway } from './library.ts';
import { openRaw } from './raw-connection.ts';

const rest = `/v1/shelves/${workspaceId}/books`;
const rpc = '/example.v1.LibraryService/ListBooks';

describe('a header that is sent twice', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway()));
  after(() => running[Symbol.asyncDispose]());
  beforeEach(() => running.library.calls.splice(0));

  async function overHttp1(path: string, lines: readonly string[], body?: string): Promise<string> {
    const raw = await openRaw(running.port);
    const [verb, length] = body === undefined ? ['GET', 0] : ['POST', body.length];
    const head = [`${verb} ${path} HTTP/1.1`, ...lines, 'Content-Type: application/json', 'Connection: close'];
    raw.write(`${head.join('\r\n')}\r\nContent-Length: ${length}\r\n\r\n${body ?? ''}`);
    return raw.closed();
  }

  async function getOverHttp2(headers: OutgoingHttpHeaders): Promise<number> {
    const session = connect(running.origin);
    const [answer] = await once(session.request(headers), 'response');
    session.destroy();
    return answer[':status'];
  }

  const host = 'Host: localhost';
  const editor = 'Authorization: Bearer editor';
  const viewer = 'authorization: Bearer viewer';

  for (const [title, path, body] of [
    ['REST', rest, undefined],
    ['Connect', rpc, '{}'],
  ] as const) {
    it(`authenticates no caller over ${title} and HTTP/1.1 where it is Authorization`, async () => {
      expect(await overHttp1(path, [host, editor], body)).to.match(/^HTTP\/1\.1 200/);
      for (const both of [
        [editor, viewer],
        [viewer, editor],
        [editor, editor],
      ]) {
        expect(await overHttp1(path, [host, ...both], body)).to.match(/^HTTP\/1\.1 401/);
      }
      expect(running.library.calls).to.have.length(1);
    });

    it(`authenticates no caller over ${title} and HTTP/2 where it is Authorization`, async () => {
      const fields = [
        [':method', body === undefined ? 'GET' : 'POST'],
        [':scheme', 'http'],
        [':path', path],
        [':authority', 'localhost'],
        ['content-type', 'application/json'],
        ['authorization', 'Bearer editor'],
      ] as const;
      const raw = await openRaw(running.port);
      raw.write(http2Greeting + http2Request(1, fields, body));
      await raw.until('"B1"');
      raw.write(http2Request(3, [...fields, ['authorization', 'Bearer viewer']], body));
      await raw.until(title === 'REST' ? 'token_invalid' : 'unauthenticated');
      raw.socket.destroy();
      expect(running.library.calls).to.have.length(1);
    });
  }

  it('does not prevent a public call, if it is Authorization', async () => {
    const answer = await overHttp1('/v1/status', [host, editor, viewer]);
    expect(answer).to.match(/^HTTP\/1\.1 200/);
    expect(answer).to.contain('"caller":""');
  });

  for (const path of [rest, '/healthz', '/docs', '/nowhere']) {
    it(`is refused for ${path} where it is Host`, async () => {
      expect(await overHttp1(path, [host, 'host: evil.example', editor])).to.match(/^HTTP\/1\.1 400/);
      expect(await overHttp1(path, [host, host, editor])).to.match(/^HTTP\/1\.1 400/);
    });
  }

  it('is refused for an rpc where it is Host', async () => {
    expect(await overHttp1(rpc, [host, host, editor], '{}')).to.match(/^HTTP\/1\.1 400/);
    expect(running.library.calls).to.deep.equal([]);
  });

  it('is refused over HTTP/2 where it is a Host that is not the authority', async () => {
    const headers = { ':path': '/v1/status', ':authority': 'vault.example' };
    expect(await getOverHttp2({ ...headers, host: 'localhost' })).to.equal(400);
    expect(await getOverHttp2({ ...headers, host: 'Vault.example' })).to.equal(200);
  });
});
