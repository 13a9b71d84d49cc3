import { expect } from 'chai';
import { connect, constants } from 'node:http2';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';

/** Messages that protobuf cannot decode. */
const messages: Readonly<Record<string, Buffer>> = {
  'a number without an end': Buffer.alloc(16, 0xff),
  'bytes of zero': Buffer.alloc(16),
  'a text as a number': Buffer.from([0x08, 0x01, 0x08, 0x01]),
  'a group that is not closed': Buffer.from([0xc3, 0x3e, 0xc3, 0x3e]),
  'a text that is cut off': Buffer.from([0x0a, 0x14, 0x57]),
};

describe('the request of a stream that is no message', () => {
  let coffer: TestCoffer;

  before(async () => {
    coffer = await startCoffer();
  });

  after(() => coffer.stop());

  for (const [name, message] of Object.entries(messages)) {
    it(`is the client's mistake over gRPC, as that of a unary call: ${name}`, async () => {
      expect(await statusOf('coffer.v1.EventService/WatchCredentials', message)).to.equal('3');
      expect(await statusOf('coffer.v1.CredentialService/ListCredentials', message)).to.equal('3');
    });
  }

  it('is no fault of the server where it comes after the deadline', async () => {
    for (const path of ['coffer.v1.EventService/WatchCredentials', 'coffer.v1.CredentialService/ListCredentials']) {
      for (const message of Object.values(messages)) {
        const late = { headers: { 'grpc-timeout': '10m' }, afterMs: 60 };
        expect(await statusOf(path, message, late), path).to.be.oneOf(['3', '4']);
      }
    }
  });

  async function statusOf(
    path: string,
    message: Buffer,
    { headers: more = {}, afterMs = 0 }: { readonly headers?: Record<string, string>; readonly afterMs?: number } = {},
  ): Promise<unknown> {
    const session = connect(coffer.origin);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `/${path}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${coffer.adminToken}`,
      ...more,
    });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    const found: { status?: unknown } = {};
    for (const event of ['response', 'trailers']) {
      stream.on(event, (headers: Record<string, unknown>) => (found.status ??= headers['grpc-status']));
    }
    if (afterMs > 0) await delay(afterMs);
    if (!stream.destroyed) stream.end(Buffer.concat([head, message]));
    stream.resume();
    if (!stream.closed) await once(stream, 'close');
    session.close();
    return found.status;
  }
});
