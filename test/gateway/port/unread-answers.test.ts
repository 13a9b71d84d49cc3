import { createClient, ConnectError, Code } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { expect } from 'chai';
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { Registry } from 'prom-client';
import type { GatewayOptions } from '../../../src/gateway/gateway.ts';
import { metricsThat, parseMetrics, sumOf } from '../../support/metrics.ts';
import { LibraryService } from '../gen/example/v1/example_pb.ts';
import { createLibrary, startGateway, workspaceId, type RunningGateway } from '../library.ts';
import { openRaw } from '../raw-connection.ts';

const path = `/v1/shelves/${workspaceId}/books`;
const editor = { authorization: 'Bearer editor' };
const mebibyte = 1_048_576;

/** A gateway whose list takes so many bytes in one chunk. */
function serve(bytes: number, options: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
  const list = Array.from({ length: Math.ceil(bytes / 10_000) }, () => 'B'.repeat(9_900));
  return startGateway({ library: createLibrary({}, 'library', [list]), metrics: new Registry(), ...options });
}

function openSession(origin: string): ClientHttp2Session {
  const session = connectHttp2(origin);
  session.on('error', () => undefined);
  return session;
}

/** A list of which nothing is read. */
function listUnread(session: ClientHttp2Session): ClientHttp2Stream {
  const stream = session.request({ ':path': path, ...editor });
  stream.on('error', () => undefined);
  return stream;
}

/** Whether it ends by an error or not. */
function closing(emitter: ClientHttp2Session | ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => emitter.once('close', resolve));
}

async function statusOf(stream: ClientHttp2Stream): Promise<number> {
  const [headers] = await once(stream, 'response');
  return Number(headers[':status']);
}

describe('an answer that is not read', () => {
  const impatient: Partial<GatewayOptions> = { timeouts: { unreadMs: 80 } };

  it('ends its connection of HTTP/1.1', async () => {
    await using running = await serve(16 * mebibyte, impatient);
    const raw = await openRaw(running.port);
    raw.socket.pause();
    const ended = running.nextLine(({ isAborted }) => isAborted === true);
    raw.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer editor\r\n\r\n`);
    await ended;
    expect(await closed(running, 'answers_unread')).to.equal(1);
    raw.socket.destroy();
  });

  for (const count of [1, 20]) {
    it(`ends its connection of HTTP/2, where ${count} wait on it, although the client sends pings`, async () => {
      // All have room on the connection: a refusal would be read, and the connection kept.
      await using running = await serve(mebibyte / 4, impatient);
      const session = openSession(running.origin);
      const pingOn = (): void => {
        if (!session.closed && !session.destroyed) session.ping(pingOn);
      };
      for (let opened = 0; opened < count; opened += 1) listUnread(session);
      session.once('connect', pingOn);
      await closing(session);
      expect(await closed(running, 'answers_unread')).to.equal(1);
    });
  }

  it('is aborted separately, where others of its connection are read', async () => {
    await using running = await serve(mebibyte, impatient);
    const session = openSession(running.origin);
    const unread = listUnread(session);
    await statusOf(unread);
    while (!unread.closed) {
      const other = session.request({ ':path': path, ...editor });
      await closing(other.resume());
      expect(other.rstCode).to.equal(0);
    }
    expect(unread.rstCode).not.to.equal(0);
    expect(session.destroyed).to.equal(false);
    session.destroy();
  });

  it('does not end one that is read, however long it takes', async () => {
    await using running = await serve(2 * mebibyte, { timeouts: { unreadMs: 2_000 } });
    const session = openSession(running.origin);
    const stream = listUnread(session);
    let bytes = 0;
    for await (const chunk of stream) {
      bytes += chunk.length;
      // Each of its pieces is waited for by as much as another connection's answer takes.
      await (await fetch(`${running.origin}/healthz`)).text();
    }
    expect(bytes).to.be.at.least(2 * mebibyte);
    session.destroy();
  });
});

describe('answers that wait on one connection', () => {
  it('are refused beyond their limit over HTTP/2, and not on another connection', async () => {
    await using running = await serve(mebibyte, { unreadBytes: { bytesPerConnection: 4 * mebibyte } });
    const session = openSession(running.origin);
    const statuses = await Promise.all(Array.from({ length: 50 }, () => statusOf(listUnread(session))));
    const served = statuses.filter((status) => status === 200);
    expect(served.length).to.be.within(1, 4);
    expect(statuses.filter((status) => status === 400)).to.have.length(50 - served.length);
    const other = openSession(running.origin);
    expect(await statusOf(listUnread(other))).to.equal(200);
    for (const one of [session, other]) one.destroy();
  });

  for (const [title, transport] of Object.entries({
    gRPC: (baseUrl: string, sessionManager: Http2SessionManager) => createGrpcTransport({ baseUrl, sessionManager }),
    'gRPC-Web': (baseUrl: string, sessionManager: Http2SessionManager) =>
      createGrpcWebTransport({ baseUrl, sessionManager, httpVersion: '2' }),
    Connect: (baseUrl: string, sessionManager: Http2SessionManager) =>
      createConnectTransport({ baseUrl, sessionManager, httpVersion: '2' }),
  })) {
    it(`are refused beyond their limit over ${title}`, async () => {
      await using running = await serve(mebibyte, { unreadBytes: { bytesPerConnection: 2 * mebibyte } });
      const sessions = new Http2SessionManager(running.origin);
      const client = createClient(LibraryService, transport(running.origin, sessions));
      const codes = await Promise.all(
        Array.from({ length: 40 }, () =>
          client.listBooks({ shelf: workspaceId }, { headers: editor }).then(
            () => undefined,
            (error: unknown) => ConnectError.from(error).code,
          ),
        ),
      );
      expect(new Set(codes)).to.deep.equal(new Set([undefined, Code.ResourceExhausted]));
      sessions.abort();
    });
  }
});

describe('answers that wait on all connections', () => {
  it('make room for another: the connection ends that has taken nothing for longest', async () => {
    await using running = await serve(mebibyte, { unreadBytes: { bytesMax: 3 * mebibyte } });
    const sessions = [openSession(running.origin), openSession(running.origin)];
    const [first, second] = sessions;
    if (!first || !second) expect.fail();
    await statusOf(listUnread(first));
    await metricsThat(
      () => metricsOf(running),
      (samples) => sumOf(samples, 'coffer_answer_bytes_waiting') > 0,
    );
    await statusOf(listUnread(second));
    while (!first.closed) {
      const another = openSession(running.origin);
      const stream = listUnread(another);
      const status = await statusOf(stream);
      expect(status).to.be.oneOf([200, 400]);
      another.destroy();
    }
    expect(second.destroyed).to.equal(false);
    expect(await closed(running, 'answers_too_many')).to.be.at.least(1);
    second.destroy();
  });
});

async function metricsOf({ origin }: RunningGateway): Promise<string> {
  return (await fetch(`${origin}/metrics`)).text();
}

async function closed(running: RunningGateway, reason: string): Promise<number> {
  return sumOf(parseMetrics(await metricsOf(running)), 'coffer_connections_closed_total', { reason });
}
