import { create, fromBinary, toBinary, type JsonObject } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { once } from 'node:events';
import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { frameMessage } from '../../../src/gateway/rpc/grpc-message.ts';
import { createAuthority } from '../certificates.ts';
import {
  AuthorSchema,
  BookSchema,
  CreateBookRequestSchema,
  GetBookRequestSchema,
  GetStatusResponseSchema,
} from '../gen/example/v1/example_pb.ts';
import { http2Frame, http2Greeting, http2Request } from '../http2-frames.ts';
import { otherWorkspaceId, startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

const service = '/example.v1.LibraryService';
const empty = frameMessage(new Uint8Array());
const book = create(CreateBookRequestSchema, { shelf: workspaceId, title: 'T', text: 'x' });

interface Answer {
  /** Of the first block and of the last one. */
  readonly headers: Record<string, unknown>;
  readonly body: Buffer;
  readonly blocks: number;
}

function begin(session: ClientHttp2Session, rpc: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
  return session.request({
    ':method': 'POST',
    ':path': `${service}/${rpc}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: 'Bearer editor',
    ...headers,
  });
}

async function finish(stream: ClientHttp2Stream): Promise<Answer> {
  const headers: Record<string, unknown> = {};
  const chunks: Buffer[] = [];
  let blocks = 0;
  const note = (fields: object): void => {
    blocks += 1;
    Object.assign(headers, fields);
  };
  stream.on('response', note).on('trailers', note);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined);
  await once(stream, 'close');
  return { headers, body: Buffer.concat(chunks), blocks };
}

function encode(fields: Partial<typeof book>): Buffer {
  return frameMessage(toBinary(CreateBookRequestSchema, create(CreateBookRequestSchema, { ...book, ...fields })));
}

/** What matters of an answer's headers. */
function shown({ headers: { date, 'grpc-encoding': _encoding, 'grpc-message': message, ...rest } }: Answer) {
  expect(date).to.be.a('string');
  return { ...rest, message: decodeURIComponent(String(message)) };
}

async function call(
  session: ClientHttp2Session,
  rpc: string,
  body: Uint8Array,
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  const stream = begin(session, rpc, headers);
  stream.end(body);
  return finish(stream);
}

for (const title of ['in clear', 'with TLS']) {
  describe(`a bare call of gRPC ${title}`, () => {
    const authority = createAuthority();
    let running: RunningGateway;
    let session: ClientHttp2Session;
    before(async () => {
      const tls = title === 'with TLS' && { tls: authority.issue('localhost') };
      running = await startGateway({ bodyBytesMax: 20_000, ...tls });
      session = connect(running.origin, { ca: authority.certificate });
    });
    after(async () => {
      session.destroy();
      await running[Symbol.asyncDispose]();
    });
    beforeEach(() => running.library.calls.splice(0));

    it('is answered by one message in its frame, and a status behind it', async () => {
      const { headers, body, blocks } = await call(session, 'GetStatus', empty);
      expect(headers).to.include({ ':status': 200, 'content-type': 'application/grpc+proto', 'grpc-status': '0' });
      expect(headers).to.include({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
      expect(headers['x-request-id']).to.match(/^[0-9a-f-]{36}$/);
      expect(blocks).to.equal(2);
      expect(body.readUInt32BE(1)).to.equal(body.length - 5);
      expect(fromBinary(GetStatusResponseSchema, body.subarray(5))).to.include({ open: true, caller: 'editor' });
    });

    it('may come byte by byte', async () => {
      const stream = begin(session, 'CreateBook');
      const answer = finish(stream);
      for (const byte of frameMessage(toBinary(CreateBookRequestSchema, book))) stream.write(Buffer.of(byte));
      stream.end();
      const { headers, body } = await answer;
      expect(headers).to.include({ 'grpc-status': '0' });
      expect(fromBinary(BookSchema, body.subarray(5))).to.include({ id: 'B1', title: 'T' });
    });

    it('is answered without te, and with the other name of its type', async () => {
      for (const headers of [{ te: undefined }, { 'content-type': 'application/grpc+proto' }])
        expect((await call(session, 'GetStatus', empty, headers)).headers).to.include({ 'grpc-status': '0' });
    });

    for (const [what, fields] of Object.entries({
      'a workspace': { shelf: 'ö'.repeat(9_000) },
      'many broken rules': { editors: Array.from({ length: 3_000 }, () => create(AuthorSchema)) },
    })) {
      it(`is refused with a status that clients can read, however long ${what} is`, async () => {
        const { headers } = await call(session, 'CreateBook', encode(fields));
        expect(headers['grpc-status']).to.be.oneOf(['3', '5', '7']);
        const told = Buffer.byteLength(Object.entries(headers).flat().join(''));
        expect(told).to.be.lessThan(12_000);
      });
    }

    it('is refused in one block of headers', async () => {
      const { headers, body, blocks } = await call(session, 'GetBook', empty, { authorization: 'Bearer nobody' });
      expect(headers).to.include({ ':status': 200, 'grpc-status': '16', 'grpc-message': 'Invalid token' });
      expect([blocks, body.length]).to.deep.equal([1, 0]);
    });

    const mistakes: Readonly<Record<string, readonly [Buffer, string]>> = {
      'without a message': [Buffer.alloc(0), '12'],
      'with two messages': [Buffer.concat([empty, empty]), '12'],
      'with half a message': [Buffer.from([0, 0, 0, 0, 9, 1]), '3'],
      'with a message that is none': [frameMessage(Buffer.from([0xff])), '3'],
      'that says of a message alone that it is compressed': [Buffer.from([1, 0, 0, 0, 0]), '13'],
      'with flags that nobody knows': [Buffer.from([0x80, 0, 0, 0, 0]), '13'],
    };
    for (const [mistake, [body, status]] of Object.entries(mistakes)) {
      it(`${mistake} is refused`, async () => {
        expect((await call(session, 'GetBook', body)).headers).to.include({ 'grpc-status': status });
        expect(running.library.calls).to.deep.equal([]);
        expect(running.lines.filter(({ level }) => Number(level) >= 40)).to.deep.equal([]);
      });
    }

    it('is refused for the length that it declares, before a byte of it has come', async () => {
      for (const [rpc, bytesMax] of [
        ['GetBook', 20_000],
        // Anybody may make this one.
        ['GetStatus', 16_384],
      ] as const) {
        const stream = begin(session, rpc);
        const answer = finish(stream);
        const head = Buffer.alloc(5);
        head.writeUInt32BE(bytesMax + 1, 1);
        stream.write(head);
        await once(stream, 'response');
        stream.end();
        expect((await answer).headers).to.include({ 'grpc-status': '8' });
      }
      const longest = create(GetBookRequestSchema, { id: 'x'.repeat(19_000) });
      const { headers } = await call(session, 'GetBook', frameMessage(toBinary(GetBookRequestSchema, longest)));
      expect(headers).to.include({ 'grpc-status': '0' });
    });

    it('is refused before its body comes, which is dropped then', async () => {
      const stream = begin(session, 'GetBook', { authorization: 'Bearer nobody' });
      const answer = finish(stream);
      await once(stream, 'response');
      stream.end(empty);
      expect((await answer).headers).to.include({ 'grpc-status': '16' });
      expect(stream.rstCode).to.equal(constants.NGHTTP2_NO_ERROR);
      expect((await call(session, 'GetStatus', empty)).headers).to.include({ 'grpc-status': '0' });
    });

    it('that never stops sending after it was refused is cut off', async () => {
      const stream = begin(session, 'GetBook', { authorization: 'Bearer nobody' });
      const answer = finish(stream);
      await once(stream, 'response');
      const send = (): void => void (stream.destroyed || stream.write(Buffer.alloc(1_000), send));
      send();
      expect((await answer).headers).to.include({ 'grpc-status': '16' });
    });

    it('whose message does not come in time gets that answer', async () => {
      const stream = begin(session, 'GetBook', { 'grpc-timeout': '20m' });
      const answer = finish(stream);
      await once(stream, 'response');
      stream.end();
      expect((await answer).headers).to.include({ 'grpc-status': '4' });
      expect(running.library.calls).to.deep.equal([]);
    });

    it('may have a deadline in any unit, and none that is no number', async () => {
      for (const [status, timeouts] of [
        ['0', ['99999999H', '99999999M', '9S', '9999m', '9999999u', '99999999n']],
        ['3', ['999999999S', '1x', 'S', '-1S', '']],
      ] as const) {
        for (const timeout of timeouts) {
          const { headers } = await call(session, 'GetStatus', empty, { 'grpc-timeout': timeout });
          expect(headers, timeout).to.include({ 'grpc-status': status });
        }
      }
    });

    it('whose connection breaks in the middle of its message reaches no handler', async () => {
      const other = connect(running.origin, { ca: authority.certificate });
      const line = running.nextLine(({ route }) => route === 'example.v1.LibraryService/GetBook');
      const stream = begin(other, 'GetBook');
      stream.on('error', () => undefined);
      stream.write(Buffer.from([0, 0, 0, 0, 9, 1]));
      // The answer to another call shows that the server has had its turn.
      await call(other, 'GetStatus', empty);
      other.destroy();
      expect(await line).to.include({ isAborted: true, code: 'canceled', protocol: 'grpc' });
      expect(running.library.calls.map(({ rpc }) => rpc)).to.deep.equal(['GetStatus']);
    });

    it('is logged with its trace and its code', async () => {
      const logged = running.nextLine(({ requestId }) => requestId === 'R-9');
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const headers = { 'x-request-id': 'R-9', traceparent, authorization: 'Bearer viewer' };
      await call(session, 'CreateBook', empty, headers);
      const { durationMs, ...line } = await logged;
      expect(durationMs).to.be.a('number');
      expect(line).to.deep.include({
        requestId: 'R-9',
        traceId: '0af7651916cd43dd8448eb211c80319c',
        peer: '127.0.0.1',
        method: 'POST',
        route: 'example.v1.LibraryService/CreateBook',
        protocol: 'grpc',
        dialect: 'library',
        code: 'permission_denied',
        status: 200,
      });
    });
  });
}

describe('a call of gRPC', () => {
  let running: RunningGateway;
  let session: ClientHttp2Session;
  before(async () => {
    running = await startGateway({ trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
    session = connect(running.origin);
  });
  after(async () => {
    session.destroy();
    await running[Symbol.asyncDispose]();
  });

  const calls: Readonly<Record<string, readonly [string, Buffer, OutgoingHttpHeaders?]>> = {
    'that is answered': ['CreateBook', encode({})],
    'with headers of its own': ['LendBook', encode({})],
    'without a token': ['CreateBook', encode({}), { authorization: undefined }],
    'with two tokens': ['CreateBook', encode({}), { authorization: 'Bearer editor, Bearer editor' }],
    'in another workspace': ['CreateBook', encode({ shelf: otherWorkspaceId })],
    'of a workspace in a header': ['CreateBook', encode({ shelf: '' }), { 'x-shelf': otherWorkspaceId }],
    'that breaks rules': ['CreateBook', encode({ title: 'é'.repeat(99), text: 'x'.repeat(99) })],
    'that can not be stored': ['CreateBook', encode({ subtitle: '\0' })],
    'that ends in a bug': ['CreateBook', encode({ title: 'boom' })],
    'that is no message': ['CreateBook', frameMessage(Buffer.from([0xff]))],
  };
  for (const [title, [rpc, body, headers]] of Object.entries(calls)) {
    it(`${title} ends as it does through Connect`, async () => {
      const lean = await call(session, rpc, body, { ...headers, 'x-request-id': 'R' });
      // Connect gets what names a compression.
      const other = await call(session, rpc, body, { ...headers, 'x-request-id': 'R', 'grpc-encoding': 'gzip' });
      expect(shown(lean)).to.deep.equal(shown(other));
      expect(lean.body.equals(other.body)).to.equal(true);
    });
  }

  const fields = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', `${service}/Wait`],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['authorization', 'Bearer editor'],
  ] as const;
  const reset = http2Frame(3, 0, 1, '\0\0\0\x08');

  it('that is reset in the middle of its message is logged as canceled', async () => {
    const line = running.nextLine(({ route }) => route === 'example.v1.LibraryService/Wait');
    const raw = await openRaw(running.port);
    const endless = http2Request(1, fields, '').slice(0, -9);
    raw.write(http2Greeting + endless + http2Frame(0, 0, 1, '\0\0\0\0\x09x'));
    // The answer to another call shows that the server has had its turn.
    await call(session, 'GetStatus', empty);
    raw.write(reset);
    expect(await line).to.include({ isAborted: true, code: 'canceled' });
    raw.socket.destroy();
  });

  it('that is reset while its handler works notifies it', async () => {
    const began = running.library.nextWait();
    const line = running.nextLine(({ msg }) => msg === 'request');
    const raw = await openRaw(running.port);
    raw.write(http2Greeting + http2Request(1, fields, '\0\0\0\0\0'));
    const signal = await began;
    raw.write(reset);
    expect(await line).to.include({ isAborted: true, code: 'canceled' });
    expect(signal.aborted).to.equal(true);
    raw.socket.destroy();
  });

  for (const [forwarded, peer] of [
    [undefined, '127.0.0.1'],
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.6, 192.0.2.7 ,10.1.1.1', '192.0.2.7'],
    ['10.1.1.2,10.1.1.1', '10.1.1.2'],
    ['192.0.2.6,nonsense', '127.0.0.1'],
    ['192.0.2.6,nonsense,10.1.1.1', '10.1.1.1'],
    ['192.0.2.7:50123', '192.0.2.7'],
    ['[2001:DB8:0::1]:443, [::ffff:10.0.0.9]:80', '2001:db8::1'],
    ['::FFFF:C000:0207', '192.0.2.7'],
    [' , ', '127.0.0.1'],
  ] as const) {
    it(`forwarded for ${forwarded} is ${peer}'s, as it is through Connect`, async () => {
      const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
      const peers: JsonObject[] = [];
      for (const encoding of ['identity', 'gzip']) {
        const line = running.nextLine(({ msg }) => msg === 'request');
        await call(session, 'GetStatus', empty, { ...headers, 'grpc-encoding': encoding });
        peers.push(await line);
      }
      expect(peers.map((line) => line['peer'])).to.deep.equal([peer, peer]);
    });
  }
});

describe('a gateway that stops', () => {
  it('lets a call of gRPC finish, and takes no other on its connection', async () => {
    const running = await startGateway();
    const session = connect(running.origin);
    const began = running.library.nextWait();
    const answer = call(session, 'Wait', empty);
    await began;
    const goaway = once(session, 'goaway');
    const closed = running.gateway.close(60_000);
    await goaway;
    running.library.release();
    expect((await answer).headers).to.include({ 'grpc-status': '0' });
    await closed;
  });
});
