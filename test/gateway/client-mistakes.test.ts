import { expect } from 'chai';
import { once } from 'node:events';
import { connect, type OutgoingHttpHeaders } from 'node:http2';
import { brotliCompressSync } from 'node:zlib';
import { startGateway, workspaceId, type RunningGateway } from './library.ts';
import { openRaw } from './raw-connection.ts';

const service = '/example.v1.LibraryService';
const json = { 'content-type': 'application/json', authorization: 'Bearer editor' };
const proto = { ...json, 'content-type': 'application/proto' };
const grpc = { ...json, 'content-type': 'application/grpc' };

/** A message in gRPC's frame. */
function enveloped(message: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** The field `details` of a CreateBookRequest: a Struct whose member `a` is a Struct, and so on. */
function deepDetails(depth: number): Buffer {
  let struct = Buffer.alloc(0);
  for (let level = 0; level < depth; level += 1) {
    const value = level === 0 ? Buffer.from([0x1a, 0]) : field(5, struct);
    struct = Buffer.from(field(1, Buffer.concat([field(1, Buffer.from('a')), field(2, value)])));
  }
  return field(14, struct);
}

function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(content.length), content]);
}

function varint(number: number): Buffer {
  const bytes = [];
  for (let rest = number; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}

describe('a mistake of the client', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway()));
  after(() => running[Symbol.asyncDispose]());
  afterEach('is no error of the server', () => {
    expect(running.lines.filter(({ level }) => Number(level) >= 50)).to.deep.equal([]);
  });

  async function send(headers: OutgoingHttpHeaders, body?: Buffer | string) {
    const session = connect(running.origin);
    const stream = session.request(headers);
    const seen: Record<string, unknown> = {};
    const note = (fields: object): void => void Object.assign(seen, fields);
    stream.on('response', note).on('trailers', note);
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    stream.end(body);
    await once(stream, 'close');
    session.destroy();
    return { status: seen[':status'], allow: seen['allow'], grpcStatus: seen['grpc-status'], text };
  }

  for (const method of ['FOO', '__proto__', 'constructor']) {
    it(`is the method ${method}`, async () => {
      const line = running.nextLine(({ msg }) => msg === 'request');
      expect(await send({ ':method': method, ':path': '/v1/status' })).to.include({ status: 405, allow: 'GET, HEAD' });
      expect(await line).to.include({ status: 405, method });
      expect(await send({ ':method': method, ':path': '/nowhere' })).to.include({ status: 404 });
      expect(await send({ ':method': method, ':path': `${service}/GetBook` })).to.include({ status: 404 });
    });
  }

  for (const type of ['text/x', 'application/grpcx', 'text', '', 'application/json;;;']) {
    it(`is the content type ${JSON.stringify(type)} for an rpc`, async () => {
      const headers = { ...json, ':method': 'POST', ':path': `${service}/GetBook`, 'content-type': type };
      expect(await send(headers, '{}')).to.include({ status: 415 });
    });
  }

  const undecodable = {
    'text that is not UTF-8': Buffer.from([0x0a, 2, 0xff, 0xfe]),
    'a field that is cut off': Buffer.from([0x0a, 5, 65]),
    'a length beyond all bounds': Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    'a number without end': Buffer.alloc(12, 0xff),
    'an odd wire type': Buffer.from([0x0f, 1]),
    'a group that never ends': Buffer.alloc(2_000, 0x0b),
    'nesting that is too deep': deepDetails(500),
  };
  for (const [title, bytes] of Object.entries(undecodable)) {
    it(`is ${title} in a message`, async () => {
      const post = { ':method': 'POST', ':path': `${service}/CreateBook` };
      const overConnect = await send({ ...post, ...proto }, bytes);
      expect(overConnect.status).to.equal(400);
      expect(JSON.parse(overConnect.text)).to.deep.equal({
        code: 'invalid_argument',
        message: 'the request cannot be decoded as example.v1.CreateBookRequest',
      });
      expect(await send({ ...post, ...grpc }, enveloped(bytes))).to.include({ grpcStatus: '3' });
    });
  }

  it('is not nesting that is no deeper than it may be', async () => {
    const known = Buffer.concat([
      field(1, Buffer.from(workspaceId)),
      field(2, Buffer.from('T')),
      field(3, Buffer.from('x')),
      deepDetails(10),
    ]);
    const { status, text } = await send({ ':method': 'POST', ':path': `${service}/CreateBook`, ...proto }, known);
    expect(status, text).to.equal(200);
  });

  for (const encoding of ['gzip', 'br']) {
    it(`is a body that is no ${encoding}`, async () => {
      const post = { ':method': 'POST', ':path': `${service}/GetBook` };
      const bytes = Buffer.from('no such thing');
      expect(await send({ ...post, ...json, 'content-encoding': encoding }, bytes)).to.include({ status: 400 });
      const inFrame = await send({ ...post, ...grpc, 'grpc-encoding': encoding }, enveloped(bytes, 1));
      expect(inFrame).to.include({ grpcStatus: '3' });
    });
  }

  it('is not a body that is compressed well', async () => {
    const headers = { ':method': 'POST', ':path': `${service}/GetBook`, ...json, 'content-encoding': 'br' };
    expect(await send(headers, brotliCompressSync('{}'))).to.include({ status: 200 });
  });

  it('is a query that is no base64', async () => {
    for (const message of ['!', '%ff', 'A']) {
      const path = `${service}/GetStatus?encoding=json&base64=1&message=${message}`;
      const { status, text } = await send({ ':method': 'GET', ':path': path });
      expect([status, JSON.parse(text).code], message).to.deep.equal([400, 'invalid_argument']);
    }
    const good = `${service}/GetStatus?encoding=json&base64=1&message=${Buffer.from('{}').toString('base64url')}`;
    expect(await send({ ':method': 'GET', ':path': good })).to.include({ status: 200 });
  });

  for (const [name, value] of [
    ['connect-timeout-ms', '9999999999'],
    ['grpc-timeout', '99999999H'],
  ] as const) {
    it(`is not the distant deadline ${name}: ${value}`, async () => {
      const began = running.library.nextWait();
      const headers = { ':method': 'POST', ':path': `${service}/Wait`, [name]: value };
      const isGrpc = name === 'grpc-timeout';
      const sent = isGrpc ? { ...headers, ...grpc } : { ...headers, ...json };
      const answer = send(sent, isGrpc ? enveloped(Buffer.alloc(0)) : '{}');
      const signal = await began;
      // A timer that is set too far fires at once: a whole call on another connection gives it the time.
      await (await fetch(`${running.origin}/healthz`)).text();
      expect(signal.aborted).to.equal(false);
      running.library.release();
      expect(await answer).to.include(isGrpc ? { grpcStatus: '0' } : { status: 200 });
    });
  }

  it('is a deadline that is none', async () => {
    const post = { ':method': 'POST', ':path': `${service}/GetBook` };
    expect(await send({ ...post, ...json, 'connect-timeout-ms': '1e9' }, '{}')).to.include({ status: 400 });
    const odd = await send({ ...post, ...grpc, 'grpc-timeout': '999999999H' }, enveloped(Buffer.alloc(0)));
    expect(odd).to.include({ grpcStatus: '3' });
  });
});

describe('a load balancer', () => {
  for (const path of ['/healthz', '/readyz']) {
    it(`may ask for only the head of ${path}`, async () => {
      await using running = await startGateway();
      const raw = await openRaw(running.port);
      raw.write(`HEAD ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      expect(await raw.closed()).to.match(/^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
    });
  }

  it('learns from the head only that the server is not ready', async () => {
    const trouble = 'the database is away';
    const readiness = { notReadyReason: () => trouble, subscribe: () => () => undefined };
    await using running = await startGateway({ readiness });
    expect((await fetch(`${running.origin}/readyz`, { method: 'HEAD' })).status).to.equal(503);
  });
});
