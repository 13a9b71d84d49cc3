import { createServer as createHttp1Server } from 'node:http';
import type { RequestListener, Server as Http1Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { SecureContextOptions, Server as TlsServer } from 'node:tls';
import { continueStreamWhenRead } from './expectations.ts';
import { awaitFirstBytes, type SpokenProtocol } from './first-bytes.ts';
import { trackHttp1Answers } from './http1-answers.ts';
import { trackHttp2Sessions } from './http2-sessions.ts';

/** A server certificate, and who may connect. */
export interface PortTls {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
  /** PEM; where it is given, a client must present a certificate that one of these authorities issued. */
  readonly clientAuthorities?: string;
}

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
  /** Connections beyond it are closed at once. */
  readonly connectionsMax: number;
  /** Told when a connection could not be accepted. */
  readonly onAcceptError: (error: Error) => void;
  /** Told when the first connection is closed that is one too many, and not again before there is room. */
  readonly onFull: () => void;
}

/** Makes a port; it does not listen yet. */
export function createPort(listener: RequestListener, options: PortOptions): Port {
  const { timeouts } = options;
  const http1 = createHttp1Server(
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
    if (!options.takeStream(stream, headers, rawHeaders)) compatible.emit('stream', stream, headers, flags, rawHeaders);
  });
  const sessions = trackHttp2Sessions(http2, { ...timeouts, untimedPaths: options.untimedPaths });
  const answers = trackHttp1Answers(http1);
  const sockets = new Set<Socket>();
  const undecided = new Map<string, Socket>();
  let clientAuthorities = options.tls?.clientAuthorities;

  const handOver = (protocol: SpokenProtocol, socket: Socket): void => {
    undecided.delete(peerOf(socket));
    // HTTP/1.1 may go on answering a client that has ended its side; a session of HTTP/2 has ended then.
    socket.allowHalfOpen = protocol === 'http1';
    (protocol === 'http2' ? http2 : http1).emit('connection', socket);
    if (protocol === 'http1') socket.resume();
  };
  const secure = options.tls && listenWithTls(options.tls, timeouts, handOver);
  const outer =
    secure ??
    createTcpServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) =>
      awaitFirstBytes(socket, timeouts.firstBytesMs, handOver),
    );
  outer.maxConnections = options.connectionsMax;
  let isFull = false;
  outer.on('drop', () => {
    if (!isFull) options.onFull();
    isFull = true;
  });
  outer.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    sockets.add(socket);
    undecided.set(peer, socket);
    socket.once('close', () => {
      sockets.delete(socket);
      undecided.delete(peer);
      // Not at the first place that is free, so that a port at its limit does not fill the log.
      if (sockets.size < options.connectionsMax / 2) isFull = false;
    });
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
      for (const socket of undecided.values()) socket.destroy();
      answers.endOpen();
      sessions.endOpen();
    },
    async drain() {
      const closed = new Promise<void>((resolve) => outer.close(() => resolve()));
      for (const socket of undecided.values()) socket.destroy();
      answers.closeAll();
      http1.closeIdleConnections();
      sessions.closeAll();
      await closed;
      http1.close();
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** TLS with ALPN; a client that names no protocol speaks HTTP/1.1. */
function listenWithTls(
  options: PortTls,
  timeouts: PortTimeouts,
  handOver: (protocol: SpokenProtocol, socket: Socket) => void,
): TlsServer {
  const server = createTlsServer({
    ...contextOptionsOf(options),
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: timeouts.firstBytesMs,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    ...(options.clientAuthorities !== undefined && { requestCert: true, rejectUnauthorized: true }),
  });
  // Node leaves a connection open whose handshake took too long.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('secureConnection', (socket) => handOver(socket.alpnProtocol === 'h2' ? 'http2' : 'http1', socket));
  return server;
}

function contextOptionsOf({ certificate, privateKey, clientAuthorities }: PortTls): SecureContextOptions {
  const ca = clientAuthorities !== undefined && { ca: clientAuthorities };
  return { cert: certificate, key: privateKey, minVersion: 'TLSv1.2', ...ca };
}

/** A TLS connection is another object than the TCP connection below it; the two have the same peer. */
function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
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
