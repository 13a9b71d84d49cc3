import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { LibraryService } from './gen/example/v1/example_pb.ts';
import { createLibrary, startGateway, turnableReadiness } from './library.ts';
import { openRaw } from './raw-connection.ts';

const editor = { headers: { authorization: 'Bearer editor' } };
const wait = 'POST /v1/wait HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\nContent-Length: 2\r\n\r\n{}';
const longMs = 60_000;

describe('a server that stops', () => {
  it('lets a REST call in flight finish, instructs its client to close, and closes', async () => {
    const running = await startGateway();
    const raw = await openRaw(running.port);
    const began = running.library.nextWait();
    raw.write(wait);
    await began;
    const closed = running.gateway.close(longMs);
    running.library.release();
    expect(await raw.closed())
      .to.match(/^HTTP\/1\.1 200/)
      .and.to.match(/connection: close/i);
    await closed;
  });

  it('lets a gRPC call in flight finish', async () => {
    const running = await startGateway();
    const client = createClient(LibraryService, createGrpcTransport({ baseUrl: running.origin }));
    const began = running.library.nextWait();
    const call = client.wait({ id: '7' }, editor);
    await began;
    const closed = running.gateway.close(longMs);
    running.library.release();
    expect(await call).to.include({ id: '7' });
    await closed;
  });

  it('takes no further connection', async () => {
    const running = await startGateway();
    await running.gateway.close(0);
    const refused = await fetch(`${running.origin}/healthz`).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error);
  });

  it('is not delayed by connections that send nothing, or nothing more', async () => {
    const running = await startGateway();
    const silent = await openRaw(running.port);
    const idle = await openRaw(running.port);
    idle.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await idle.until('ok');
    const session = connectHttp2(running.origin);
    await once(session, 'remoteSettings');
    await running.gateway.close(longMs);
    await Promise.all([silent.closed(), idle.closed()]);
    if (!session.closed) await once(session, 'close');
  });

  it('sends GOAWAY to HTTP/2 clients', async () => {
    const running = await startGateway();
    const session = connectHttp2(running.origin);
    await once(session, 'remoteSettings');
    const goaway = once(session, 'goaway');
    await Promise.all([goaway, running.gateway.close(longMs)]);
  });

  it('aborts REST calls when the time is over, and logs it', async () => {
    const library = createLibrary();
    const running = await startGateway({ library });
    const raw = await openRaw(running.port);
    const began = library.nextWait();
    raw.write(wait);
    const signal = await began;
    await running.gateway.close(20);
    expect(signal.aborted).to.equal(true);
    expect(await raw.closed())
      .to.match(/^HTTP\/1\.1 503/)
      .and.to.contain('unavailable');
    library.release();
  });

  for (const [title, transport] of Object.entries({
    gRPC: (baseUrl: string) => createGrpcTransport({ baseUrl }),
    'Connect over HTTP/1.1': (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' }),
  })) {
    it(`aborts calls over ${title} when the time is over, and logs it`, async () => {
      const library = createLibrary();
      const running = await startGateway({ library });
      const began = library.nextWait();
      const call = createClient(LibraryService, transport(running.origin))
        .wait({}, editor)
        .catch((error: unknown) => ConnectError.from(error).code);
      const signal = await began;
      await running.gateway.close(20);
      expect(signal.aborted).to.equal(true);
      expect(await call).to.equal(Code.Unavailable);
      library.release();
    });
  }

  it('cuts off a client that never ends its request', async () => {
    const running = await startGateway();
    const raw = await openRaw(running.port);
    raw.write(
      'POST /v1/wait HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\nContent-Length: 9\r\n\r\n{',
    );
    // Another connection's answer shows that the server has had its turn.
    await (await fetch(`${running.origin}/healthz`, { headers: { connection: 'close' } })).text();
    await running.gateway.close(20);
    await raw.closed();
  });

  it('is not ready while it stops', async () => {
    const readiness = turnableReadiness();
    const running = await startGateway({ readiness });
    const raw = await openRaw(running.port);
    const other = await openRaw(running.port);
    const began = running.library.nextWait();
    raw.write(wait);
    await began;
    // Begun before the stop, so that the connection is not idle.
    other.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n');
    await (await fetch(`${running.origin}/healthz`, { headers: { connection: 'close' } })).text();
    const closed = running.gateway.close(longMs);
    other.write('\r\n');
    expect(await other.closed())
      .to.contain('503')
      .and.to.contain('the server is stopping');
    running.library.release();
    await closed;
  });

  it('may be stopped before it has listened, and twice', async () => {
    const running = await startGateway();
    await running.gateway.close(0);
    await running.gateway.close(0);
  });
});
