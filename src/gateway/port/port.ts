import { createServer as createHttp1Server } from 'node:http';
import type { RequestListener, Server as Http1Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { Http2Server, Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Connections } from './connections.ts';
import { continueStreamWhenRead } from './expectations.ts';
import { endOfHttp1, trackHttp1Answers } from './http1-answers.ts';
import { endOfHttp2, trackHttp2Sessions } from './http2-sessions.ts';
import { awaitFirstBytes, contextOptionsOf, listenWithTls, type HandOver, type PortTls } from './protocol-detection.ts';

export type { PortTls } from './protocol-detection.ts';

/** How long a client may take, in milliseconds. */
export interface PortTimeouts {
  /** Until its first bytes, or until the TLS handshake is complete. */
  readonly firstBytesMs: number;
  /** Until all headers of an HTTP/1.1 request have arrived. */
  readonly headersMs: number;
  /** Until a request is complete. */
  readonly requestMs: number;
  /** Between two requests on one HTTP/1.1 connection. */
  readonly keepAliveMs: number;
  /** Without a call on an HTTP/2 connection. */
  readonly sessionIdleMs: number;
  /** From the first bytes, or from the end of the TLS handshake, until the first authenticated call of a connection. */
  readonly unauthenticatedMs: number;
  /** Without taking any byte of the waiting answers. */
  readonly unreadMs: number;
  /** How often the timeouts of HTTP/1.1 connections are checked. */
  readonly checkEveryMs: number;
}

/** The default timeouts. */
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

/** The most calls that an HTTP/2 connection may have open at once; its client queues others. */
export const streamsPerConnectionMax = 100;

/**
 * The default limit of connections. An attacker that fills all of them with public calls of 16 KiB, 100 on each connection, takes
 * about 1.6 GiB.
 */
export const connectionsMaxDefault = 1_000;

/** One listening port for HTTP/1.1 and HTTP/2, with one listener for the requests of both. */
export interface Port {
  /** The HTTP/1.1 server, which never listens itself; the web framework needs one. */
  readonly http1: Http1Server;
  /** Port 0 lets the system choose. */
  listen(host: string, port: number): Promise<{ readonly address: string; readonly port: number }>;
  /**
   * Uses another certificate and other client authorities from now on. If the authorities change, the connections of now end once
   * their calls have ended.
   *
   * @throws Error if they cannot be used; then nothing changes
   */
  renewTls(tls: PortTls): void;
  /** Accepts no further connection or request; resolves when every connection has ended. */
  drain(): Promise<void>;
  /** Ends every connection at once. */
  cut(): void;
}

/** What a port needs. */
export interface PortOptions {
  readonly tls?: PortTls;
  readonly timeouts: PortTimeouts;
  /** Paths without a request timeout: those of bidirectional streams. */
  readonly untimedPaths: ReadonlySet<string>;
  /** Called first for each HTTP/2 stream; what it does not take goes to the listener. */
  readonly takeStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]) => boolean;
  /** Admits connections, and tracks the open ones. */
  readonly connections: Connections;
  /** Called when a connection could not be accepted. */
  readonly onAcceptError: (error: Error) => void;
}

/** Creates a port; it does not listen yet. */
export function createPort(listener: RequestListener, options: PortOptions): Port {
  const { connections, timeouts } = options;
  const { http1, answers, sessions, handOver } = createServers(listener, options);
  const secure = options.tls && listenWithTls(options.tls, timeouts.firstBytesMs, handOver);
  const outer = secure ?? createTcpServer({ allowHalfOpen: true, noDelay: true, keepAlive: true });
  outer.on('connection', (socket: Socket) => {
    const isAdmitted = connections.admit(socket) !== undefined;
    if (isAdmitted && !secure) awaitFirstBytes(socket, timeouts.firstBytesMs, handOver);
  });
  let clientAuthorities = options.tls?.clientAuthorities;
  return {
    http1,
    async listen(host, port) {
      await listening(outer, host, port);
      outer.on('error', options.onAcceptError);
      // An HTTP/1.1 server checks its timeouts from this event on, and this one does not listen itself.
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

/** Creates the servers of both protocols; neither listens itself, they get their connections handed over. */
function createServers(listener: RequestListener, options: PortOptions) {
  const { connections, timeouts, untimedPaths } = options;
  const http1 = createHttp1(listener, timeouts);
  const http2 = createHttp2(http1, options);
  const handOver: HandOver = (protocol, socket) => {
    // HTTP/1.1 may go on answering a client that has ended its side; an HTTP/2 session has ended then.
    socket.allowHalfOpen = protocol === 'http1';
    if (protocol === 'http2') return openHttp2(http2, connections, socket);
    connections.open(socket, socket, endOfHttp1(socket));
    http1.emit('connection', socket);
    socket.resume();
  };
  return {
    http1,
    sessions: trackHttp2Sessions(http2, connections, { ...timeouts, untimedPaths }),
    answers: trackHttp1Answers(http1, connections),
    handOver,
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
      // The gateway refuses requests without a host itself.
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
  // Node's compatibility API makes HTTP/2 requests look like HTTP/1.1, so that one listener serves both. A server applies it to
  // all of its streams or to none, so a second server gets the streams that are not taken.
  const compatible = createHttp2Server();
  compatible.on('request', (request, response) => http1.emit('request', request, response));
  continueStreamWhenRead(compatible);
  http2.on('stream', (stream: ServerHttp2Stream, headers, flags: number, rawHeaders: string[]) => {
    if (!takeStream(stream, headers, rawHeaders)) compatible.emit('stream', stream, headers, flags, rawHeaders);
  });
  return http2;
}

/** The server creates the session of a socket synchronously, unless the socket has ended. */
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
