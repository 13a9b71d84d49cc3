import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import type { Compression } from '@connectrpc/connect/protocol';
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { ViolationsSchema } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { credentials, Client, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { createAuthority } from '../certificates.ts';
import { GetStatusRequestSchema, GetStatusResponseSchema, LibraryService } from '../gen/example/v1/example_pb.ts';
import {
  createLibrary,
  otherWorkspaceId,
  secretText,
  startGateway,
  workspaceId,
  type RunningGateway,
} from '../library.ts';
import { openRaw } from '../raw-connection.ts';
import { refusalOf } from '../../support/refusals.ts';

const editor = { headers: { authorization: 'Bearer editor' } };
const viewer = { headers: { authorization: 'Bearer viewer' } };
const book = { shelf: workspaceId, title: 'T', text: 'x' };

const zip = (text: string) => new Uint8Array(gzipSync(text));

interface Way {
  readonly protocol: string;
  readonly make: (
    origin: string,
    options: { nodeOptions?: { ca: string }; sendCompression?: Compression },
  ) => Transport;
}

const ways: Record<string, Way> = {
  gRPC: { protocol: 'grpc', make: (baseUrl, options) => createGrpcTransport({ baseUrl, ...options }) },
  'gRPC with JSON': {
    protocol: 'grpc',
    make: (baseUrl, options) => createGrpcTransport({ baseUrl, ...options, useBinaryFormat: false }),
  },
  'gRPC-Web over HTTP/1.1': {
    protocol: 'grpc-web',
    make: (baseUrl, options) => createGrpcWebTransport({ baseUrl, ...options, httpVersion: '1.1' }),
  },
  'gRPC-Web with JSON over HTTP/2': {
    protocol: 'grpc-web',
    make: (baseUrl, options) =>
      createGrpcWebTransport({ baseUrl, ...options, httpVersion: '2', useBinaryFormat: false }),
  },
  'Connect over HTTP/1.1': {
    protocol: 'connect',
    make: (baseUrl, options) =>
      createConnectTransport({ baseUrl, ...options, httpVersion: '1.1', useBinaryFormat: false }),
  },
  'Connect in binary over HTTP/2': {
    protocol: 'connect',
    make: (baseUrl, options) =>
      createConnectTransport({ baseUrl, ...options, httpVersion: '2', useBinaryFormat: true }),
  },
};

for (const [title, { protocol, make }] of Object.entries(ways)) {
  describe(`over ${title}`, () => {
    let running: RunningGateway;
    before(async () => (running = await startGateway({ bodyBytesMax: 2_000 })));
    after(() => running[Symbol.asyncDispose]());
    beforeEach(() => running.library.calls.splice(0));
    const client = () => createClient(LibraryService, make(running.origin, {}));

    it('a call is answered, and its handler knows of it', async () => {
      const made = await client().createBook({ ...book, copies: 5n, details: { a: [1] } }, editor);
      expect(made).to.include({ id: 'B1', title: 'T', copies: 5n, shelf: workspaceId });
      expect(made.details).to.deep.equal({ a: [1] });
      const seen = running.library.calls[0]?.call;
      expect(seen).to.deep.include({ protocol, dialect: 'library', workspaceId, peer: '127.0.0.1' });
      expect(seen?.requestId).to.match(/^[0-9a-f-]{36}$/);
    });

    it('an rpc without a REST route is answered', async () => {
      expect(await client().whisper({ text: 'psst' }, editor)).to.include({ text: 'psst' });
    });

    it('a public call needs no token, and gets its caller', async () => {
      expect(await client().getStatus({})).to.include({ open: true, caller: '', local: true });
      expect(await client().getStatus({}, { headers: { authorization: 'Bearer nobody' } })).to.include({ caller: '' });
      expect(await client().getStatus({}, editor)).to.include({ caller: 'editor' });
    });

    it('refusals have their codes', async () => {
      const nobody = { headers: { authorization: 'Bearer nobody' } };
      expect((await refusalOf(client().createBook(book), ConnectError)).code).to.equal(Code.Unauthenticated);
      expect((await refusalOf(client().createBook(book, nobody), ConnectError)).code).to.equal(Code.Unauthenticated);
      expect((await refusalOf(client().createBook(book, viewer), ConnectError)).code).to.equal(Code.PermissionDenied);
      const elsewhere = { ...book, shelf: otherWorkspaceId };
      expect((await refusalOf(client().createBook(elsewhere, editor), ConnectError)).code).to.equal(
        Code.PermissionDenied,
      );
      expect((await refusalOf(client().getBook({ id: 'none' }, editor), ConnectError)).code).to.equal(Code.NotFound);
      expect(running.library.calls.map(({ rpc }) => rpc)).to.deep.equal(['GetBook']);
    });

    it('a refusal has a reason for programs', async () => {
      const error = await refusalOf(client().getBook({ id: 'none' }, editor), ConnectError);
      const [info] = error.findDetails(ErrorInfoSchema);
      expect(info).to.deep.include({
        reason: 'NOT_FOUND',
        domain: 'coffer',
        metadata: { resource: 'book', id: 'none' },
      });
    });

    it('violated rules are reported without values, after authorization', async () => {
      const broken = { shelf: workspaceId, title: secretText.repeat(9), text: secretText.repeat(9) };
      const error = await refusalOf(client().createBook(broken, editor), ConnectError);
      expect(error.code).to.equal(Code.InvalidArgument);
      const [violations] = error.findDetails(ViolationsSchema);
      expect(violations?.violations.map(({ ruleId }) => ruleId)).to.deep.equal(['string.max_len', 'string.max_len']);
      expect(JSON.stringify([error.message, error.details.map(String)])).not.to.contain(secretText);
      expect((await refusalOf(client().createBook(broken, viewer), ConnectError)).code).to.equal(Code.PermissionDenied);
    });

    it('what can not be stored is refused', async () => {
      for (const request of [
        { ...book, subtitle: 'a\0' },
        { ...book, details: { a: ['\0'] } },
        { ...book, labels: { 'a\0': 'b' } },
        { ...book, details: JSON.parse('{"__proto__":1}') },
        { ...book, details: { $typeName: 'google.protobuf.Struct', a: '\0' } },
        { ...book, editors: [{ name: '\0' }] },
      ]) {
        const error = await refusalOf(client().createBook(request, editor), ConnectError);
        expect(error.code, error.rawMessage).to.equal(Code.InvalidArgument);
      }
      expect(running.library.calls).to.deep.equal([]);
    });

    it('a Struct keeps members of any name', async () => {
      const details = JSON.parse('{"$typeName":"google.protobuf.Struct","constructor":{"a":1}}');
      const made = await client().createBook({ ...book, details }, editor);
      expect(JSON.stringify(made.details)).to.equal(JSON.stringify(details));
    });

    it('a bug shows nothing of itself, and is logged once without its message', async () => {
      const logged = running.nextLine((line) => line['level'] === 50);
      const error = await refusalOf(
        client().createBook({ ...book, title: 'boom', text: secretText }, editor),
        ConnectError,
      );
      expect([error.code, error.rawMessage]).to.deep.equal([Code.Internal, 'internal error']);
      const line = await logged;
      expect(line).to.have.nested.property('error.name', 'Error');
      expect(JSON.stringify(line)).not.to.contain(secretText);
    });

    it('a message that is too large is refused', async () => {
      const error = await refusalOf(
        client().createBook({ ...book, details: { a: 'x'.repeat(3_000) } }, editor),
        ConnectError,
      );
      expect(error.code).to.equal(Code.ResourceExhausted);
    });

    it('a message that is too large when it is decompressed is refused', async () => {
      const transport = make(running.origin, { sendCompression: compressionGzip });
      expect(
        (
          await refusalOf(
            createClient(LibraryService, transport).whisper({ text: 'x'.repeat(100_000) }, editor),
            ConnectError,
          )
        ).code,
      ).to.equal(Code.ResourceExhausted);
    });

    it('a deadline that passes is answered, and the handler is notified', async () => {
      const began = running.library.nextWait();
      const call = refusalOf(client().wait({}, { ...editor, timeoutMs: 100 }), ConnectError);
      const signal = await began;
      expect((await call).code).to.equal(Code.DeadlineExceeded);
      if (!signal.aborted) await once(signal, 'abort');
    });

    it('a call that the client cancels is aborted', async () => {
      const began = running.library.nextWait();
      const line = running.nextLine(({ route }) => route === 'example.v1.LibraryService/Wait');
      const controller = new AbortController();
      const call = refusalOf(client().wait({}, { ...editor, signal: controller.signal }), ConnectError);
      const signal = await began;
      controller.abort();
      expect((await call).code).to.equal(Code.Canceled);
      if (!signal.aborted) await once(signal, 'abort');
      expect(await line).to.include({ protocol });
    });

    it('the headers of an rpc are sent', async () => {
      let lent: string | null = null;
      const onHeader = (headers: Headers) => (lent = headers.get('x-lent'));
      await client().lendBook({ shelf: workspaceId, id: '1' }, { ...editor, onHeader });
      expect(lent).to.equal('yes');
    });

    it('the answer may not be cached, and the request id is echoed', async () => {
      let seen = new Headers();
      const onHeader = (headers: Headers) => (seen = headers);
      await client().getStatus({}, { headers: { 'x-request-id': 'R-7' }, onHeader });
      expect([seen.get('cache-control'), seen.get('x-request-id')]).to.deep.equal(['no-store', 'R-7']);
    });
  });
}

describe('Connect with JSON', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway({ library: createLibrary({ unknownMembers: 'refuse' }) })));
  after(() => running[Symbol.asyncDispose]());

  const post = async (method: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
    const response = await fetch(`${running.origin}/example.v1.LibraryService/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer editor', ...headers },
      body,
    });
    return { status: response.status, text: await response.text() };
  };

  it('names members as the dialect does', async () => {
    const { text } = await post('GetBook', '{"id":"7"}');
    expect(JSON.parse(text)).to.include({ id: '7', genre: 'GENRE_UNSPECIFIED', copies: '0' });
  });

  for (const body of [
    `{"title": "T", "text": {"a": "${secretText}"}}`,
    `{"title": "T", "pages": "${secretText}"}`,
    `{"title": "T", "genre": "${secretText}"}`,
    `{"title": "T", "printed_at": "${secretText}"}`,
    `"${secretText}"`,
    `{"text": ${secretText}}`,
    `["${secretText}"]`,
  ]) {
    it(`does not repeat ${body}`, async () => {
      const { status: httpStatus, text } = await post('CreateBook', body);
      expect(httpStatus).to.equal(400);
      expect(JSON.parse(text)).to.include({ code: 'invalid_argument' });
      expect(text).not.to.contain(secretText).and.not.to.contain('TOP');
      expect(running.lines.map((line) => JSON.stringify(line)).join()).not.to.contain(secretText);
    });
  }

  it('names the field that does not fit', async () => {
    expect((await post('CreateBook', '{"pages": "many"}')).text).to.contain('pages');
  });

  it('refuses unknown members where the dialect does', async () => {
    expect((await post('GetBook', '{"nope":1}')).status).to.equal(400);
  });

  it('reads compressed bodies, up to the limit of what they hold', async () => {
    const headers = { 'content-encoding': 'gzip' };
    expect((await post('GetBook', zip('{"id":"7"}'), headers)).status).to.equal(200);
    const bomb = await post('GetBook', zip(`{"id":"${'x'.repeat(5_000_000)}"}`), headers);
    expect(bomb.text).to.contain('resource_exhausted');
  });

  it('may be called by GET where the rpc changes nothing, and by POST only otherwise', async () => {
    const query = 'encoding=json&message=%7B%7D&connect=v1';
    const service = `${running.origin}/example.v1.LibraryService`;
    expect((await fetch(`${service}/GetStatus?${query}`)).status).to.equal(200);
    expect((await fetch(`${service}/GetBook?${query}`)).status).to.equal(405);
  });

  it('looks at no body before the token', async () => {
    const raw = await openRaw(running.port);
    raw.write(
      'POST /example.v1.LibraryService/GetBook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n',
    );
    expect(await raw.until('unauthenticated')).to.match(/^HTTP\/1\.1 401/);
    raw.socket.destroy();
  });

  it('looks at no body of a caller who may make the call nowhere', async () => {
    const refused = await post('CreateBook', '{"nope":1}', { authorization: 'Bearer viewer' });
    expect([refused.status, JSON.parse(refused.text).code]).to.deep.equal([403, 'permission_denied']);
    const raw = await openRaw(running.port);
    raw.write(
      'POST /example.v1.LibraryService/CreateBook HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer viewer\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n',
    );
    expect(await raw.until('permission_denied')).to.match(/^HTTP\/1\.1 403/);
    raw.socket.destroy();
  });

  it('reports an unknown rpc in its own way', async () => {
    const { status: httpStatus, text } = await post('Nope', '{}', { 'connect-protocol-version': '1' });
    expect([httpStatus, JSON.parse(text).code]).to.deep.equal([404, 'unimplemented']);
  });

  for (const host of ['a b', '[', 'a:b:c', '']) {
    it(`answers the odd host ${JSON.stringify(host)}`, async () => {
      const raw = await openRaw(running.port);
      raw.write(
        `POST /example.v1.LibraryService/GetStatus HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      );
      expect(await raw.closed()).to.match(/^HTTP\/1\.1 400/);
    });
  }

  it('answers HTTP/1.0 without a host', async () => {
    const raw = await openRaw(running.port);
    raw.write(
      'POST /example.v1.LibraryService/GetStatus HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
    );
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 400/);
  });
});

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: ServiceError) => error.code,
  );

describe('gRPC with its own client', () => {
  const path = '/example.v1.LibraryService/GetStatus';
  function getStatus(client: Client, method = path, deadline = Infinity): Promise<string> {
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method,
        (request: Parameters<typeof toBinary<typeof GetStatusRequestSchema>>[1]) =>
          Buffer.from(toBinary(GetStatusRequestSchema, request)),
        (bytes) => fromBinary(GetStatusResponseSchema, bytes),
        fromBinary(GetStatusRequestSchema, new Uint8Array()),
        new Metadata(),
        { deadline },
        (error, answer) => (error ? reject(error) : resolve(String(answer?.open))),
      );
    });
  }

  it('is served in clear', async () => {
    await using running = await startGateway();
    const client = new Client(`127.0.0.1:${running.port}`, credentials.createInsecure());
    expect(await getStatus(client)).to.equal('true');
    client.close();
  });

  it('is served with TLS and client certificates', async () => {
    const authority = createAuthority();
    const own = authority.issue('client');
    await using running = await startGateway({
      tls: { ...authority.issue('localhost'), clientAuthorities: authority.certificate },
    });
    const [ca, key, certificate] = [authority.certificate, own.privateKey, own.certificate].map((pem) =>
      Buffer.from(pem),
    );
    const known = new Client(`127.0.0.1:${running.port}`, credentials.createSsl(ca, key, certificate));
    expect(await getStatus(known)).to.equal('true');
    known.close();
    const stranger = new Client(`127.0.0.1:${running.port}`, credentials.createSsl(ca));
    expect(await codeOf(getStatus(stranger))).to.equal(status.UNAVAILABLE);
    stranger.close();
  });

  for (const unknown of ['/example.v1.LibraryService/Nope', '/nope.v1.NopeService/Nope']) {
    it(`gets that ${unknown} is not implemented`, async () => {
      await using running = await startGateway();
      const client = new Client(`127.0.0.1:${running.port}`, credentials.createInsecure());
      expect(await codeOf(getStatus(client, unknown))).to.equal(status.UNIMPLEMENTED);
      client.close();
    });
  }
});

describe('connect-node over TLS', () => {
  for (const [title, { make }] of Object.entries(ways)) {
    it(`calls over ${title}`, async () => {
      const authority = createAuthority();
      await using running = await startGateway({ tls: authority.issue('localhost') });
      const client = createClient(LibraryService, make(running.origin, { nodeOptions: { ca: authority.certificate } }));
      expect(await client.getStatus({})).to.include({ open: true });
    });
  }
});

describe('a client that breaks off', () => {
  it('leaves nothing on the console', async () => {
    await using running = await startGateway();
    const said: unknown[] = [];
    const restore = silence(said);
    try {
      const began = running.library.nextWait();
      const session = connectHttp2(running.origin);
      session.on('error', () => undefined);
      const stream = session.request({
        ':method': 'POST',
        ':path': '/example.v1.LibraryService/Wait',
        'content-type': 'application/grpc',
        authorization: 'Bearer editor',
      });
      stream.on('error', () => undefined);
      stream.end(Buffer.from([0, 0, 0, 0, 0]));
      await began;
      const line = running.nextLine(({ route }) => route === 'example.v1.LibraryService/Wait');
      session.destroy();
      await line;
      const raw = await openRaw(running.port);
      const wait = running.library.nextWait();
      const cut = running.nextLine(({ route }) => route === 'example.v1.LibraryService/Wait');
      raw.write(
        'POST /example.v1.LibraryService/Wait HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
      );
      await wait;
      raw.socket.resetAndDestroy();
      await cut;
      running.library.release();
      await (await fetch(`${running.origin}/healthz`)).text();
    } finally {
      restore();
    }
    expect(said).to.deep.equal([]);
  });
});

describe('a client that breaks off behind two refusals', () => {
  it('does not end the process', async () => {
    await using running = await startGateway();
    const logged = running.nextLine(({ msg }) => msg === 'request');
    const raw = await openRaw(running.port);
    raw.write('PATCH /example.v1.LibraryService/GetBook HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(2));
    raw.socket.resetAndDestroy();
    await logged;
    expect((await fetch(`${running.origin}/healthz`)).status).to.equal(200);
  });
});

/** Connect's plugin reports to the console what a client cannot learn. */
function silence(said: unknown[]): () => void {
  const original = Reflect.get(console, 'error');
  Reflect.set(console, 'error', (...words: unknown[]) => said.push(words));
  return () => Reflect.set(console, 'error', original);
}
