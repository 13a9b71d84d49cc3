import { createServer as createHttp1Server } from 'node:http';
import type { RequestListener, Server as Http1Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { Http2Server, Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Connections } from './connections.ts';
import { continueStreamWhenRead } from './expectations.ts';
import { awaitFirstBytes, type SpokenProtocol } from './first-bytes.ts';
import { endOfHttp1, trackHttp1Answers } from './http1-answers.ts';
import { endOfHttp2, trackHttp2Sessions } from './http2-sessions.ts';
import { contextOptionsOf, listenWithTls, type PortTls } from './tls-listener.ts';

export type { PortTls } from './tls-listener.ts';

/** How long a client may take, in milliseconds. */
export interface PortTimeouts {
  /** Until its first bytes, or until the TLS handshake is done. */
  readonly firstBytesMs: number;
  /** Until all headers of an HTTP/1.1 request have come. */
  readonly headersMs: number;
  /** Until all of a request has come. */
  readonly requestMs: number;
  /** Between two requests on one HTTP/1.1 connection. */
  readonly keepAliveMs: number;
  /** Without a call on an HTTP/2 connection. */
  readonly sessionIdleMs: number;
  /** From the first bytes, or from the end of the TLS handshake, until the first authenticated call of a connection. */
  readonly unauthenticatedMs: number;
  /** Without taking any byte of the answers that wait. */
  readonly unreadMs: number;
  /** How often the limits of HTTP/1.1 connections are looked at. */
  readonly checkEveryMs: number;
}

/** What a port allows unless it is told otherwise. */
export const defaultPortTimeouts: PortTimeouts = {
  firstBytesMs: 10_000,
  headersMs: 15_000,
  requestMs: 60_000,
  keepAliveMs: 65_000,
  sessionIdleMs: 300_000,
  unauthenticatedMs: 10_000,
  unreadMs: 30_000,
  checkEveryMs: 5_000,
};

/** The most bytes that the headers of one request may take. */
export const headerBytesMax = 16_384;

/** The most calls that one HTTP/2 connection may have open at once; its client keeps others waiting. */
export const streamsPerConnectionMax = 100;

/**
 * The most connections unless it is told otherwise. With 16 KiB for each of the calls that anybody may make, whoever fills
 * all of them takes some 1.6 GiB.
 */
export const connectionsMaxDefault = 1_000;

/** One listening port that speaks HTTP/1.1 and HTTP/2, and calls one listener for the requests of both. */
export interface Port {
  /** The HTTP/1.1 server, which never listens by itself; the web framework wants to know one. */
  readonly http1: Http1Server;
  /** Port 0 lets the system choose. */
  listen(host: string, port: number): Promise<{ readonly address: string; readonly port: number }>;
  /**
   * Uses another certificate and other authorities from now on. Where the authorities change, every connection that was made
   * under those before ends as soon as its calls have.
   *
   * @throws Error where they can't be used; then nothing changes
   */
  renewTls(tls: PortTls): void;
  /** Takes no further connection or request; resolves when every connection has ended. */
  drain(): Promise<void>;
  /** Ends every connection at once. */
  cut(): void;
}

/** What a port is made of. */
export interface PortOptions {
  readonly tls?: PortTls;
  readonly timeouts: PortTimeouts;
  /** Paths whose requests may take as long as they like: those of calls that stream both ways. */
  readonly untimedPaths: ReadonlySet<string>;
  /** Asked first for each stream of HTTP/2; what it does not take comes to the listener. */
  readonly takeStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]) => boolean;
  /** Admits the connections, and knows those that are open. */
  readonly connections: Connections;
  /** Is called when a connection could not be accepted. */
  readonly onAcceptError: (error: Error) => void;
}

/** Makes a port; it does not listen yet. */
export function createPort(listener: RequestListener, options: PortOptions): Port {
  const { connections, timeouts } = options;
  const http1 = createHttp1(listener, timeouts);
  const http2 = createHttp2(http1, options);
  const sessions = trackHttp2Sessions(http2, connections, { ...timeouts, untimedPaths: options.untimedPaths });
  const answers = trackHttp1Answers(http1, connections);
  let clientAuthorities = options.tls?.clientAuthorities;

  const handOver = (protocol: SpokenProtocol, socket: Socket): void => {
    // HTTP/1.1 may go on answering a client that has ended its side; a session of HTTP/2 has ended then.
    socket.allowHalfOpen = protocol === 'http1';
    if (protocol === 'http2') return openHttp2(http2, connections, socket);
    connections.open(socket, socket, endOfHttp1(socket));
    http1.emit('connection', socket);
    socket.resume();
  };
  const secure = options.tls && listenWithTls(options.tls, timeouts.firstBytesMs, handOver);
  const outer = secure ?? createTcpServer({ allowHalfOpen: true, noDelay: true, keepAlive: true });
  outer.on('connection', (socket: Socket) => {
    const isAdmitted = connections.admit(socket) !== undefined;
    if (isAdmitted && !secure) awaitFirstBytes(socket, timeouts.firstBytesMs, handOver);
  });

  return {
    http1,
    async listen(host, port) {
      await listening(outer, host, port);
      outer.on('error', options.onAcceptError);
      // An HTTP/1.1 server looks at its timeouts from this event on, and this one is not listening by itself.
      http1.emit('listening');
      const address = outer.address();
      if (address === null || typeof address === 'string') throw new Error('the port has no address');
      return { address: address.address, port: address.port };
    },
    renewTls(tls) {
      secure?.setSecureContext(contextOptionsOf(tls));
      if (tls.clientAuthorities === clientAuthorities) return;
      clientAuthorities = tls.clientAuthorities;
      connections.closeUndecided();
      answers.endOpen();
      sessions.endOpen();
    },
    async drain() {
      const closed = new Promise<void>((resolve) => outer.close(() => resolve()));
      connections.closeUndecided();
      answers.closeAll();
      http1.closeIdleConnections();
      sessions.closeAll();
      await closed;
      http1.close();
    },
    cut() {
      for (const { socket } of connections) socket.destroy();
    },
  };
}

function createHttp1(listener: RequestListener, timeouts: PortTimeouts): Http1Server {
  return createHttp1Server(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: timeouts.headersMs,
      requestTimeout: timeouts.requestMs,
      keepAliveTimeout: timeouts.keepAliveMs,
      connectionsCheckingInterval: timeouts.checkEveryMs,
      // The gateway refuses requests without a host, with an answer of its own.
      requireHostHeader: false,
    },
    listener,
  );
}

function createHttp2(http1: Http1Server, { takeStream }: Pick<PortOptions, 'takeStream'>): Http2Server {
  const http2 = createHttp2Server({
    settings: { maxConcurrentStreams: streamsPerConnectionMax, maxHeaderListSize: headerBytesMax },
    maxHeaderListPairs: 128,
  });
  // One listener for both: requests of HTTP/2 come in the shape of HTTP/1.1 (Node's compatibility API), which a server gives
  // to all of its streams or to none.
  const compatible = createHttp2Server();
  compatible.on('request', (request, response) => http1.emit('request', request, response));
  continueStreamWhenRead(compatible);
  http2.on('stream', (stream: ServerHttp2Stream, headers, flags: number, rawHeaders: string[]) => {
    if (!takeStream(stream, headers, rawHeaders)) compatible.emit('stream', stream, headers, flags, rawHeaders);
  });
  return http2;
}

/** The server makes a session of a socket at once, unless the socket has ended. */
function openHttp2(http2: Http2Server, connections: Connections, socket: Socket): void {
  const onSession = (session: Http2Session): void => connections.open(socket, session, endOfHttp2(session));
  http2.prependOnceListener('session', onSession);
  http2.emit('connection', socket);
  http2.off('session', onSession);
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
