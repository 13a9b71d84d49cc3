import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { expect } from 'chai';
import { LibraryService } from '../gen/example/v1/example_pb.ts';
import { startGateway, type RunningGateway } from '../library.ts';

const headers = { authorization: 'Bearer editor' };
const compressed = { sendCompression: compressionGzip, compressMinBytes: 0 };

/** Those of which Connect's own library decodes the message. */
const transports: Readonly<Record<string, (baseUrl: string) => Transport>> = {
  'gRPC, compressed': (baseUrl) => createGrpcTransport({ baseUrl, ...compressed }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  'Connect in binary, compressed': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: true, ...compressed }),
  'Connect with JSON, compressed': (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false, ...compressed }),
};

describe('a message that the library decodes', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway()));
  after(() => running[Symbol.asyncDispose]());

  for (const [name, transportTo] of Object.entries(transports)) {
    it(`is taken up to 256 KiB and refused beyond, once it is decompressed: ${name}`, async () => {
      const client = createClient(LibraryService, transportTo(running.origin));
      const send = (bytes: number) => client.whisper({ text: 'x'.repeat(bytes) }, { headers });
      await send(262_000);
      const refused = await send(262_144).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refused).to.be.instanceOf(ConnectError).with.property('code', Code.ResourceExhausted);
    });
  }
});
