import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { connect } from 'node:http2';
import type { Caller } from '../../../src/vault/caller.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { frameMessage } from '../../../src/gateway/rpc/grpc-message.ts';
import { LibraryService, ListBooksRequestSchema } from '../gen/example/v1/example_pb.ts';
import { callers, otherWorkspaceId, startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

/** Who a token stands for; undefined once it was revoked. */
const tokens = new Map<string, Caller | undefined>();

describe('a stream', () => {
  let running: RunningGateway;
  let tellChange: () => void;
  let leaving: AbortController;

  beforeEach(async () => {
    leaving = new AbortController();
    for (const [name, caller] of Object.entries(callers())) tokens.set(name, caller);
    running = await startGateway({
      authenticate: async (headers) => {
        const token = headers.get('authorization')?.replace('Bearer ', '');
        const caller = tokens.get(token ?? '');
        if (!caller) throw new VaultError('token_invalid', 'Invalid token');
        return caller;
      },
      onAccessChange: (changed) => {
        tellChange = changed;
        return () => undefined;
      },
      // Asking again is no other call.
      rateLimits: { perKey: 2, perAddress: 1_000 },
      clock: { now: () => new Date() },
    });
  });

  afterEach(async () => {
    leaving.abort();
    await running[Symbol.asyncDispose]();
  });

  function follow(token: string, shelf = workspaceId) {
    const client = createClient(LibraryService, createGrpcTransport({ baseUrl: running.origin }));
    const headers = { authorization: `Bearer ${token}` };
    const books = client.followShelf({ shelf }, { headers, signal: leaving.signal })[Symbol.asyncIterator]();
    return {
      next: async () => (await books.next()).value?.title,
      codeOfEnd: async () => {
        try {
          while (!(await books.next()).done);
        } catch (error) {
          return ConnectError.from(error).code;
        }
        return undefined;
      },
    };
  }

  it('goes on while its caller may have it, until its handler ends it', async () => {
    const stream = follow('editor');
    expect(await stream.next()).to.equal('the first');
    for (let change = 0; change < 5; change += 1) tellChange();
    running.library.release();
    expect(await stream.next()).to.equal('the last');
    expect(await stream.codeOfEnd()).to.equal(undefined);
  });

  it('ends when the key is revoked by which it was opened, though its handler does not', async () => {
    const [mine, another] = [follow('editor'), follow('viewer')];
    expect(await Promise.all([mine.next(), another.next()])).to.deep.equal(['the first', 'the first']);
    tokens.set('editor', undefined);
    tellChange();
    expect(await mine.codeOfEnd()).to.equal(Code.Unauthenticated);
    running.library.release();
    expect(await another.next()).to.equal('the last');
  });

  it('is cut off when the key is revoked, though its client reads nothing', async () => {
    const session = connect(running.origin, { settings: { initialWindowSize: 0 } });
    const begun = running.library.nextWait();
    const stream = session.request({
      ':method': 'POST',
      ':path': '/example.v1.LibraryService/FollowShelf',
      'content-type': 'application/grpc',
      authorization: 'Bearer editor',
    });
    stream.on('error', () => undefined);
    stream.end(frameMessage(toBinary(ListBooksRequestSchema, create(ListBooksRequestSchema, { shelf: workspaceId }))));
    const line = running.nextLine(({ route }) => route === 'example.v1.LibraryService/FollowShelf');
    await begun;
    tokens.set('editor', undefined);
    tellChange();
    expect(await line).to.include({ protocol: 'grpc', code: 'unauthenticated' });
    session.destroy();
  });

  it('is cut off without its connection, where that serves another call by then', async () => {
    const raw = await openRaw(running.port);
    const head = 'Host: localhost\r\nAuthorization: Bearer editor\r\n';
    const ask = (rpc: string, type: string, body: string) =>
      raw.write(
        `POST /example.v1.LibraryService/${rpc} HTTP/1.1\r\n${head}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    const json = JSON.stringify({ shelf: workspaceId });
    ask('FollowShelf', 'application/connect+json', `\0\0\0\0${String.fromCharCode(json.length)}${json}`);
    await raw.until('the first');
    const editor = tokens.get('editor');
    tokens.set('editor', undefined);
    tellChange();
    await raw.until('unauthenticated');
    tokens.set('editor', editor);
    const line = running.nextLine(({ route }) => route === 'example.v1.LibraryService/Wait');
    raw.write(
      `POST /example.v1.LibraryService/Wait HTTP/1.1\r\n${head}Content-Type: application/json\r\nConnect-Timeout-Ms: 900\r\nContent-Length: 2\r\n\r\n{}`,
    );
    expect(await line).to.include({ code: 'deadline_exceeded' });
    raw.socket.destroy();
  });

  it('ends within a second where the change is not notified', async () => {
    const stream = follow('editor');
    await stream.next();
    tokens.set('editor', undefined);
    expect(await stream.codeOfEnd()).to.equal(Code.Unauthenticated);
  });

  it('ends when its caller may no longer do that', async () => {
    const stream = follow('editor');
    await stream.next();
    tokens.set('editor', { ...(tokens.get('editor') ?? expect.fail()), grants: [] });
    tellChange();
    expect(await stream.codeOfEnd()).to.equal(Code.PermissionDenied);
  });

  it('ends when the server stops', async () => {
    const stream = follow('editor');
    await stream.next();
    const [code] = await Promise.all([stream.codeOfEnd(), running.gateway.close(10_000)]);
    expect(code).to.equal(Code.Unavailable);
  });

  it('notifies its handler when the client has gone away', async () => {
    const begun = running.library.nextWait();
    const stream = follow('editor');
    await stream.next();
    void stream.next().catch(() => undefined);
    const signal = await begun;
    const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    leaving.abort();
    await gone;
  });

  it('is not opened for a caller who may not have it', async () => {
    expect(await follow('nobody').codeOfEnd()).to.equal(Code.Unauthenticated);
    expect(await follow('editor', otherWorkspaceId).codeOfEnd()).to.equal(Code.PermissionDenied);
    expect(running.library.calls).to.deep.equal([]);
  });

  it('is counted and logged under its name, when it ends', async () => {
    const client = createClient(
      LibraryService,
      createConnectTransport({ baseUrl: running.origin, httpVersion: '1.1', useBinaryFormat: false }),
    );
    const line = running.nextLine(({ route }) => route === 'example.v1.LibraryService/FollowShelf');
    const headers = { authorization: 'Bearer editor' };
    const books = client.followShelf({ shelf: workspaceId }, { headers })[Symbol.asyncIterator]();
    await books.next();
    tokens.set('editor', undefined);
    tellChange();
    await books.next().catch(() => undefined);
    expect(await line).to.include({ dialect: 'library', protocol: 'connect', code: 'unauthenticated' });
  });
});
