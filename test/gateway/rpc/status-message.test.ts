import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { frameMessage } from '../../../src/gateway/rpc/grpc-message.ts';
import { encodeStatusMessage } from '../../../src/gateway/rpc/status-message.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { GetBookRequestSchema, LibraryService } from '../gen/example/v1/example_pb.ts';
import { startGateway, type RunningGateway } from '../library.ts';

const text = 'title is required; "100%" of it, é\nand 😀 ~';
const encoded = 'title is required; "100%25" of it, %C3%A9%0Aand %F0%9F%98%80 ~';

describe('the text of a gRPC status', () => {
  let running: RunningGateway;
  before(async () => {
    running = await startGateway({
      authenticate: () => Promise.reject(new VaultError('token_invalid', text)),
    });
  });
  after(() => running[Symbol.asyncDispose]());

  it('is encoded only where a byte is a percent sign or none of printable ASCII', () => {
    expect(encodeStatusMessage(text)).to.equal(encoded);
    const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 0x20 + index));
    expect(encodeStatusMessage(printable)).to.equal(printable.replace('%', '%25'));
    expect(encodeStatusMessage('\u0000\u007f\u0080')).to.equal('%00%7F%C2%80');
    expect(encodeStatusMessage('half \ud83d a pair')).to.equal('half %EF%BF%BD a pair');
    expect(encodeStatusMessage('')).to.equal('');
  });

  for (const [title, rpc, headers] of [
    ['a unary call', 'GetBook', {}],
    ['a unary call that names a compression', 'GetBook', { 'grpc-encoding': 'gzip' }],
    ['a unary call in JSON', 'GetBook', { 'content-type': 'application/grpc+json' }],
    ['a stream', 'FollowShelf', {}],
  ] as const) {
    it(`reaches clients so in the trailers of ${title}`, async () => {
      const session = connect(running.origin);
      const stream = session.request({
        ':method': 'POST',
        ':path': `/${LibraryService.typeName}/${rpc}`,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      const seen: Record<string, unknown> = {};
      stream.on('response', (fields) => Object.assign(seen, fields));
      stream.on('trailers', (fields) => Object.assign(seen, fields));
      stream.resume().end(frameMessage(toBinary(GetBookRequestSchema, create(GetBookRequestSchema))));
      await once(stream, 'close');
      session.destroy();
      expect(seen).to.include({ 'grpc-status': String(Code.Unauthenticated), 'grpc-message': encoded });
    });
  }

  for (const rpc of ['GetBook', 'FollowShelf']) {
    it(`reaches clients so in the last frame of gRPC-Web: ${rpc}`, async () => {
      const response = await fetch(`${running.origin}/${LibraryService.typeName}/${rpc}`, {
        method: 'POST',
        headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' },
        body: frameMessage(new Uint8Array()),
      });
      const body = Buffer.from(await response.arrayBuffer());
      expect(body.readUInt8(0)).to.equal(0x80);
      expect(body.readUInt32BE(1)).to.equal(body.length - 5);
      const lines = body.subarray(5).toString('latin1').split('\r\n');
      expect(lines).to.include.members([`grpc-status: ${Code.Unauthenticated}`, `grpc-message: ${encoded}`]);
    });
  }

  for (const [title, transport] of [
    ['gRPC', () => createGrpcTransport({ baseUrl: running.origin })],
    ['gRPC-Web', () => createGrpcWebTransport({ baseUrl: running.origin, httpVersion: '1.1' })],
  ] as const) {
    it(`is read as it was written by clients of ${title}`, async () => {
      const error = await createClient(LibraryService, transport())
        .getBook({})
        .catch((thrown: unknown) => ConnectError.from(thrown));
      expect(error).to.be.instanceOf(ConnectError).and.include({ rawMessage: text, code: Code.Unauthenticated });
    });
  }
});
