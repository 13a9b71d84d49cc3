import { create, toBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { CreateBookRequestSchema } from '../gen/example/v1/example_pb.ts';
import { createLibrary, otherWorkspaceId, startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

const service = '/example.v1.LibraryService';
const book = { shelf: workspaceId, title: 'T', text: 'x' };
/** Connect's own router gets what is labelled so, since its clients never do. */
const routed = 'application/json; charset=utf-8';

interface Sent {
  readonly rpc?: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const everything = {
  ...book,
  subtitle: 'é',
  genre: 'NOVEL',
  copies: '9007199254740993',
  tags: ['a', ''],
  labels: { __proto__x: 'y' },
  printedAt: '2024-01-01T00:00:00.120Z',
  details: { a: [1, null, { b: 'c' }] },
};

const calls: Readonly<Record<string, Sent>> = {
  'that is answered': { body: JSON.stringify(everything) },
  'by the names of the proto': { body: '{"shelf":"","title":"T","text":"x","printed_at":"2024-01-01T00:00:00Z"}' },
  'of a book': { rpc: 'GetBook', body: '{"id":"7"}' },
  'with headers of its own': { rpc: 'LendBook', body: JSON.stringify({ shelf: workspaceId, id: '1' }) },
  'that anybody may make': { rpc: 'GetStatus', body: '{}', headers: { authorization: '' } },
  'without a token': { body: JSON.stringify(book), headers: { authorization: '' } },
  'with a bad token': { body: JSON.stringify(book), headers: { authorization: 'Bearer nobody' } },
  'of a viewer': { body: JSON.stringify(book), headers: { authorization: 'Bearer viewer' } },
  'in another workspace': { body: JSON.stringify({ ...book, shelf: otherWorkspaceId }) },
  'of a workspace in a header': { rpc: 'GetBook', body: '{"id":"7"}', headers: { 'x-shelf': otherWorkspaceId } },
  'of what is not there': { rpc: 'GetBook', body: '{"id":"none"}' },
  'that breaks rules': { body: JSON.stringify({ ...book, title: 'x'.repeat(99), text: 'x'.repeat(99) }) },
  'that can not be stored': { body: JSON.stringify({ ...book, subtitle: '\0' }) },
  'that ends in a bug': { body: JSON.stringify({ ...book, title: 'boom' }) },
  'with an unknown member': { body: '{"nope":1}' },
  'with a member of another type': { body: '{"pages":"many"}' },
  'that is no object': { body: '[]' },
  'that is no JSON': { body: '{' },
  'without a body': { body: '' },
  'with a deadline': { rpc: 'GetBook', body: '{}', headers: { 'connect-timeout-ms': '60000' } },
  'with a deadline beyond any timer': { rpc: 'GetBook', body: '{}', headers: { 'connect-timeout-ms': '9999999999' } },
  'with a deadline that is none': { rpc: 'GetBook', body: '{}', headers: { 'connect-timeout-ms': 'x' } },
};

function sendProto(origin: string, token: string, body: Uint8Array<ArrayBuffer>): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/proto' };
  return fetch(`${origin}${service}/CreateBook`, { method: 'POST', headers, body });
}

describe('a bare call of Connect', () => {
  let running: RunningGateway;
  before(async () => {
    const library = createLibrary({
      unknownMembers: 'refuse',
      json: { names: 'json', unset: 'null', int64: 'number', timestamp: 'milliseconds' },
    });
    running = await startGateway({ library, bodyBytesMax: 20_000, corsOrigins: ['https://page.example'] });
  });
  after(() => running[Symbol.asyncDispose]());
  beforeEach(() => running.library.calls.splice(0));

  async function post({ rpc = 'CreateBook', body, headers = {} }: Sent, type: string) {
    const logged = running.nextLine(({ msg }) => msg === 'request');
    const response = await fetch(`${running.origin}${service}/${rpc}`, {
      method: 'POST',
      headers: {
        authorization: 'Bearer editor',
        'content-type': type,
        'x-request-id': 'R',
        origin: 'https://page.example',
        ...headers,
      },
      body,
    });
    const text = await response.text();
    const { durationMs: _durationMs, time: _time, ...line } = await logged;
    const { date: _date, ...shown } = Object.fromEntries(response.headers);
    return { status: response.status, headers: shown, text, line };
  }

  for (const [title, sent] of Object.entries(calls)) {
    it(`${title} ends as it does by Connect's router`, async () => {
      const lean = await post(sent, 'application/json');
      const other = await post(sent, routed);
      // The order of members is nobody's business.
      expect(JSON.parse(lean.text)).to.deep.equal(JSON.parse(other.text));
      const { 'content-length': length, ...headers } = lean.headers;
      const { 'content-length': _otherLength, ...otherHeaders } = other.headers;
      expect(headers).to.deep.equal(otherHeaders);
      expect(Number(length)).to.equal(Buffer.byteLength(lean.text));
      expect([lean.status, lean.line]).to.deep.equal([other.status, other.line]);
    });
  }

  for (const type of ['application/json', routed, 'application/grpc-web+json']) {
    it(`as ${type} is not answered by anything compressed`, async () => {
      const echoed = JSON.stringify({ text: 'x'.repeat(2_000) });
      const head = Buffer.alloc(5);
      head.writeUInt32BE(echoed.length, 1);
      const response = await fetch(`${running.origin}${service}/Whisper`, {
        method: 'POST',
        headers: { authorization: 'Bearer editor', 'content-type': type, 'grpc-accept-encoding': 'gzip' },
        body: type.includes('grpc') ? Buffer.concat([head, Buffer.from(echoed)]) : echoed,
      });
      expect(response.headers.get('content-encoding')).to.equal(null);
      expect(await response.text()).to.contain('x'.repeat(2_000));
    });
  }

  it('in protobuf is answered in protobuf, and refused in JSON', async () => {
    const bytes = new Uint8Array(toBinary(CreateBookRequestSchema, create(CreateBookRequestSchema, book)));
    const answered = await sendProto(running.origin, 'editor', bytes);
    expect([answered.status, answered.headers.get('content-type')]).to.deep.equal([200, 'application/proto']);
    expect((await answered.bytes()).length).to.be.greaterThan(0);
    const refused = await sendProto(running.origin, 'nobody', bytes);
    expect([refused.status, refused.headers.get('content-type')]).to.deep.equal([401, 'application/json']);
    const undecodable = await sendProto(running.origin, 'editor', Uint8Array.of(0xff));
    expect(await undecodable.json()).to.deep.equal({
      code: 'invalid_argument',
      message: 'the request cannot be decoded as example.v1.CreateBookRequest',
    });
  });

  for (const [title, body] of Object.entries({ declares: 'Content-Length: 20001\r\n\r\n', 'turns out to have': '' })) {
    it(`that ${title} too much is refused, and its connection closes`, async () => {
      const raw = await openRaw(running.port);
      const chunk = 'x'.repeat(20_001);
      const head = `POST ${service}/GetBook HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\nContent-Type: application/json\r\n`;
      raw.write(head + (body || `Transfer-Encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n`));
      expect(await raw.closed())
        .to.match(/^HTTP\/1\.1 429/)
        .and.to.match(/connection: close/i)
        .and.to.contain('resource_exhausted');
    });
  }

  it('whose body does not come in time gets that answer', async () => {
    const raw = await openRaw(running.port);
    raw.write(
      `POST ${service}/GetBook HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\nContent-Type: application/json\r\nConnect-Timeout-Ms: 20\r\nContent-Length: 9\r\n\r\n{`,
    );
    expect(await raw.until('deadline_exceeded')).to.match(/^HTTP\/1\.1 504/);
    raw.socket.destroy();
    expect(running.library.calls).to.deep.equal([]);
  });

  it('that is aborted notifies its handler, over HTTP/1.1 and HTTP/2', async () => {
    const line = () => running.nextLine(({ route }) => route === 'example.v1.LibraryService/Wait');
    const first = running.library.nextWait();
    const raw = await openRaw(running.port);
    raw.write(
      `POST ${service}/Wait HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    );
    const signal = await first;
    let logged = line();
    raw.socket.resetAndDestroy();
    expect(await logged).to.include({ isAborted: true, protocol: 'connect' });
    expect(signal.aborted).to.equal(true);
    const second = running.library.nextWait();
    const session = connectHttp2(running.origin);
    const stream = session.request({
      ':method': 'POST',
      ':path': `${service}/Wait`,
      'content-type': 'application/json',
      authorization: 'Bearer editor',
    });
    stream.on('error', () => undefined).end('{}');
    const other = await second;
    logged = line();
    session.destroy();
    expect(await logged).to.include({ isAborted: true });
    if (!other.aborted) await once(other, 'abort');
  });
});
