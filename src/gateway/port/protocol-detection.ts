import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';

/** The protocol of a connection. */
export type SpokenProtocol = 'http1' | 'http2';

/** Receives a connection whose protocol is known. */
export type HandOver = (protocol: SpokenProtocol, socket: Socket) => void;

const http2Preface = Buffer.from('PRI');

/**
 * Waits for the first bytes of a connection in clear, puts them back, and hands the connection over, paused. A connection that
 * stays silent longer than the timeout, ends or fails before is destroyed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-3.4
 */
export function awaitFirstBytes(socket: Socket, timeoutMs: number, handOver: HandOver): void {
  let seen = Buffer.alloc(0);
  const timer = setTimeout(abandon, timeoutMs);
  socket.on('data', onData).on('error', abandon).on('end', abandon).on('close', stopWaiting);

  function onData(chunk: Buffer): void {
    seen = Buffer.concat([seen, chunk]);
    const protocol = protocolOf(seen);
    if (protocol === undefined) return;
    stopWaiting();
    socket.pause();
    socket.unshift(seen);
    handOver(protocol, socket);
  }
  function abandon(): void {
    stopWaiting();
    socket.destroy();
  }
  function stopWaiting(): void {
    clearTimeout(timer);
    socket.off('data', onData).off('error', abandon).off('end', abandon).off('close', stopWaiting);
    // Until the new owner listens, and after a destroy, an error must not be uncaught.
    socket.once('error', () => socket.destroy());
  }
}

/** Undefined as long as the bytes could still become either. */
function protocolOf(seen: Buffer): SpokenProtocol | undefined {
  const length = Math.min(seen.length, http2Preface.length);
  if (!seen.subarray(0, length).equals(http2Preface.subarray(0, length))) return 'http1';
  return length === http2Preface.length ? 'http2' : undefined;
}

/** A server certificate, and which clients may connect. */
export interface PortTls {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
  /** PEM; if given, a client must present a certificate that one of these authorities has issued. */
  readonly clientAuthorities?: string;
}

/** Creates a TLS server with ALPN. A client that names no protocol speaks HTTP/1.1. */
export function listenWithTls(options: PortTls, handshakeMs: number, handOver: HandOver): Server {
  const server = createServer({
    ...contextOptionsOf(options),
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: handshakeMs,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    ...(options.clientAuthorities !== undefined && { requestCert: true, rejectUnauthorized: true }),
  });
  // Node keeps a connection open whose handshake took too long.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('secureConnection', (socket: TLSSocket) =>
    handOver(socket.alpnProtocol === 'h2' ? 'http2' : 'http1', socket),
  );
  return server;
}

/** The secure context of a server. */
export function contextOptionsOf({ certificate, privateKey, clientAuthorities }: PortTls): SecureContextOptions {
  const ca = clientAuthorities !== undefined && { ca: clientAuthorities };
  return { cert: certificate, key: privateKey, minVersion: 'TLSv1.2', ...ca };
}
