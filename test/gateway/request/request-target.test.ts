import { expect } from 'chai';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { toOriginForm } from '../../../src/gateway/request/request-target.ts';
import { startGateway, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

describe('the target of a request', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway()));
  after(() => running[Symbol.asyncDispose]());

  async function send(requestLine: string, ...headers: string[]): Promise<string> {
    const raw = await openRaw(running.port);
    const lines = [`${requestLine} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...headers];
    raw.write(`${lines.join('\r\n')}\r\n\r\n`);
    return raw.closed();
  }

  const targets: readonly (readonly [target: string, path: string, host: string])[] = [
    ['/v1/status?a=b', '/v1/status?a=b', 'sent.example'],
    ['http://vault.example/v1/status', '/v1/status', 'vault.example'],
    ['HTTP://vault.example:8080/v1/status?a=http://b', '/v1/status?a=http://b', 'vault.example:8080'],
    ['https://[::1]:3978/%2F?', '/%2F?', '[::1]:3978'],
    ['http://vault.example', '/', 'vault.example'],
    ['http://vault.example?a=b', '/?a=b', 'vault.example'],
    ['http://user:password@vault.example/', 'http://user:password@vault.example/', 'sent.example'],
    ['ftp://vault.example/', 'ftp://vault.example/', 'sent.example'],
    ['vault.example:80', 'vault.example:80', 'sent.example'],
    ['*', '*', 'sent.example'],
  ];
  for (const [target, path, host] of targets) {
    it(`that is ${target} asks for ${path} of ${host}`, () => {
      const request = Object.assign(new IncomingMessage(new Socket()), { url: target, method: 'GET' });
      Object.assign(request, { httpVersionMajor: 1 });
      request.headers = { host: 'sent.example' };
      expect(toOriginForm(request)).to.equal(path);
      expect(request.headers.host).to.equal(host);
    });
  }

  it('may be a whole URL, of REST, of an rpc and of the documents', async () => {
    const origin = 'http://vault.example:1';
    const authorization = 'Authorization: Bearer editor';
    expect(await send(`GET ${origin}/v1/status?x=1`, authorization))
      .to.contain('200 OK')
      .and.contain('"caller":"editor"');
    const rpc = `${origin}/example.v1.LibraryService/GetStatus`;
    const json = ['Content-Type: application/json', 'Content-Length: 2'];
    expect(await send(`POST ${rpc}`, authorization, ...json, '\r\n{}')).to.match(/^HTTP\/1\.1 200 OK/);
    expect(await send(`GET ${rpc}?encoding=json&message=%7B%7D&connect=v1`)).to.match(/^HTTP\/1\.1 200 OK/);
    expect(await send(`GET ${origin}/openapi.json`)).to.match(/^HTTP\/1\.1 200 OK/);
    expect(await send(`GET ${origin}/healthz`)).to.match(/^HTTP\/1\.1 200 OK/);
    expect(await send(`GET ${origin}/nowhere`)).to.match(/^HTTP\/1\.1 404 /);
  });

  it('names the host in place of the header, so that a foreign one makes no request a local one', async () => {
    expect(await send('GET http://evil.example/v1/status')).to.contain('"local":false');
    expect(await send(`GET http://127.0.0.1:${running.port}/v1/status`)).to.contain('"local":true');
    expect(await send(`GET http://127.0.0.1/v1/status`, 'Host: evil.example')).to.match(/^HTTP\/1\.1 400 /);
  });

  it('is refused where it is neither a path nor such a URL', async () => {
    for (const target of ['ftp://vault.example/v1/status', 'http://u:p@vault.example/v1/status', '*', 'v1/status']) {
      const answer = await send(`GET ${target}`);
      expect(answer, target).to.match(/^HTTP\/1\.1 400 /);
      if (target !== 'v1/status') expect(answer, target).to.contain('"code":"invalid_argument"');
    }
  });
});
