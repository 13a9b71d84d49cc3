import { expect } from 'chai';
import { connect, constants } from 'node:http2';
import { once } from 'node:events';
import { publicRpc } from '../../../src/gateway/contract/bound-rpc.ts';
import { LibraryService } from '../gen/example/v1/example_pb.ts';
import { createLibrary, startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

const path = `/v1/shelves/${workspaceId}/books`;
const head = (token = 'editor', target = path) =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
const status = 'GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n';
const tooLong = JSON.stringify({ title: 'T', text: 'x'.repeat(2_000) });
const fits = JSON.stringify({ title: 'T', text: 'x' });

describe('a body', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway({ bodyBytesMax: 1_000 })));
  after(() => running[Symbol.asyncDispose]());

  it('that declares too much is refused before it is sent, and the connection closes', async () => {
    const raw = await openRaw(running.port);
    raw.write(`${head()}Content-Length: 5000000000\r\n\r\n`);
    const answer = await raw.closed();
    expect(answer)
      .to.match(/^HTTP\/1\.1 413/)
      .and.to.match(/connection: close/i);
    expect(answer).to.contain('"bytesMax":1000');
  });

  it('that declares too much is refused by who may call first', async () => {
    const raw = await openRaw(running.port);
    raw.write(`${head('nobody')}Content-Length: 5000000000\r\n\r\n`);
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 401/);
  });

  it('that turns out too large in chunks is refused, and the connection closes', async () => {
    const raw = await openRaw(running.port);
    raw.write(`${head()}Transfer-Encoding: chunked\r\n\r\n${tooLong.length.toString(16)}\r\n${tooLong}\r\n`);
    expect(await raw.closed())
      .to.match(/^HTTP\/1\.1 413/)
      .and.to.match(/connection: close/i);
  });

  it('that fits exactly is read', async () => {
    const body = JSON.stringify({ title: 'T', text: 'x', details: { a: '' } });
    const padded = body.replace('"a":""', `"a":"${'p'.repeat(1_000 - body.length)}"`);
    expect(padded).to.have.length(1_000);
    const raw = await openRaw(running.port);
    raw.write(`${head()}Content-Length: 1000\r\n\r\n${padded}`);
    expect(await raw.until('"id":"B1"')).to.match(/^HTTP\/1\.1 201/);
    raw.socket.destroy();
  });

  it('that was never read does not hinder the next request on the connection', async () => {
    const raw = await openRaw(running.port);
    raw.write(`${head('nobody')}Content-Length: ${fits.length}\r\n\r\n`);
    expect(await raw.until('"code":"token_invalid"')).to.match(/^HTTP\/1\.1 401/);
    raw.write(fits + status);
    expect(await raw.until('"open":true')).to.contain('HTTP/1.1 200');
    raw.socket.destroy();
  });

  it('in chunks that was never read does not hinder it either', async () => {
    const raw = await openRaw(running.port);
    raw.write(`${head('nobody')}Transfer-Encoding: chunked\r\n\r\n`);
    await raw.until('"code":"token_invalid"');
    raw.write(`${fits.length.toString(16)}\r\n${fits}\r\n0\r\n\r\n${status}`);
    expect(await raw.until('"open":true')).to.contain('HTTP/1.1 200');
    raw.socket.destroy();
  });

  it('of an rpc that takes none does not hinder the next request', async () => {
    const raw = await openRaw(running.port);
    raw.write(`${head('editor', `${path}/1:lend`)}Content-Length: 2\r\n\r\n{}${status}`);
    expect(await raw.until('"open":true')).to.match(/^HTTP\/1\.1 200/);
    raw.socket.destroy();
  });

  it('that is too large for Connect is refused, and the connection closes', async () => {
    const raw = await openRaw(running.port);
    raw.write(`${head('editor', '/example.v1.LibraryService/CreateBook')}Content-Length: ${tooLong.length}\r\n\r\n`);
    const answer = await raw.closed();
    expect(answer)
      .to.match(/connection: close/i)
      .and.to.contain('resource_exhausted');
  });

  it('that is sent while the client goes away reaches no handler', async () => {
    const before = running.library.calls.length;
    const line = running.nextLine(({ route }) => route === '/v1/shelves/{shelf}/books');
    const raw = await openRaw(running.port);
    raw.write(`${head()}Content-Length: 500\r\n\r\n{"title"`);
    // Something was begun: only then is the connection cut.
    const other = await openRaw(running.port);
    other.write(status);
    await other.until('"open":true');
    raw.socket.destroy();
    expect(await line).to.include({ isAborted: true });
    expect(running.library.calls.slice(before).map(({ rpc }) => rpc)).not.to.include('CreateBook');
    other.socket.destroy();
  });

  for (const declares of [true, false]) {
    it(`that is too large over HTTP/2 is refused, and its stream ends${declares ? ', by what it declares' : ''}`, async () => {
      const session = connect(running.origin);
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: path,
        authorization: 'Bearer editor',
        'content-type': 'application/json',
        ...(declares && { 'content-length': '5000000' }),
      });
      stream.on('error', () => undefined);
      stream.write(tooLong);
      const [headers] = await once(stream, 'response');
      expect(headers[':status']).to.equal(413);
      stream.resume();
      // Whoever goes on is cut off.
      stream.write(tooLong);
      await once(stream, 'close');
      // The session is as good as before.
      const next = session.request({ [constants.HTTP2_HEADER_PATH]: '/v1/status' });
      const [answer] = await once(next, 'response');
      expect(answer[':status']).to.equal(200);
      session.destroy();
    });
  }
});

const bodyOf = (bytes: number) => JSON.stringify({ id: 'x'.repeat(bytes - '{"id":""}'.length) });
const enveloped = (body: string) =>
  Buffer.concat([Buffer.from([0, 0, 0, body.length >> 8, body.length & 255]), Buffer.from(body)]);

describe('the body of a public call', () => {
  const { wait } = LibraryService.method;
  const longest = 16_384;
  let running: RunningGateway;
  before(async () => {
    const library = createLibrary();
    const rpcs = library.dialect.rpcs.map((rpc) =>
      rpc.method === wait ? publicRpc(wait, async () => ({ id: '1' })) : rpc,
    );
    running = await startGateway({ library: { ...library, dialect: { ...library.dialect, rpcs } } });
  });
  after(() => running[Symbol.asyncDispose]());

  const post = (target: string, body: string, type = 'application/json') =>
    fetch(running.origin + target, { method: 'POST', headers: { 'content-type': type }, body });
  for (const [title, target] of [
    ['REST', '/v1/wait'],
    ['Connect', '/example.v1.LibraryService/Wait'],
  ] as const) {
    it(`may be 16 KiB long over ${title}, from any caller`, async () => {
      expect((await post(target, bodyOf(longest))).status).to.equal(200);
    });

    it(`may not be longer over ${title}`, async () => {
      expect((await post(target, bodyOf(longest + 1))).status).to.be.oneOf([413, 429]);
    });
  }

  for (const [service, json] of [
    ['example.v1.LibraryService/Wait', bodyOf(longest + 1)],
    ['grpc.health.v1.Health/Check', JSON.stringify({ service: 'x'.repeat(longest) })],
    ['grpc.reflection.v1.ServerReflection/ServerReflectionInfo', JSON.stringify({ host: 'x'.repeat(longest) })],
  ] as const) {
    it(`may not be longer over gRPC to ${service}`, async () => {
      const session = connect(running.origin);
      const stream = session.request({
        ':method': 'POST',
        ':path': `/${service}`,
        'content-type': 'application/grpc+json',
      });
      const seen: Record<string, unknown> = {};
      const note = (headers: object): void => void Object.assign(seen, headers);
      stream
        .on('response', note)
        .on('trailers', note)
        .on('error', () => undefined)
        .resume();
      stream.end(enveloped(json));
      await once(stream, 'close');
      expect(seen['grpc-status']).to.equal('8');
      session.destroy();
    });
  }

  it('does not bound what callers may send to other rpcs', async () => {
    const target = '/example.v1.LibraryService/Whisper';
    const headers = { 'content-type': 'application/json', authorization: 'Bearer editor' };
    const body = JSON.stringify({ text: 'x'.repeat(longest) });
    expect((await fetch(running.origin + target, { method: 'POST', headers, body })).status).to.equal(200);
  });
});
