import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';

/** A server certificate, and who may connect. */
export interface PortTls {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
  /** PEM; where it is given, a client must present a certificate that one of these authorities issued. */
  readonly clientAuthorities?: string;
}

/** TLS with ALPN; a client that names no protocol speaks HTTP/1.1. */
export function listenWithTls(
  options: PortTls,
  handshakeMs: number,
  handOver: (protocol: 'http1' | 'http2', socket: Socket) => void,
): Server {
  const server = createServer({
    ...contextOptionsOf(options),
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: handshakeMs,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    ...(options.clientAuthorities !== undefined && { requestCert: true, rejectUnauthorized: true }),
  });
  // Node leaves a connection open whose handshake took too long.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('secureConnection', (socket: TLSSocket) =>
    handOver(socket.alpnProtocol === 'h2' ? 'http2' : 'http1', socket),
  );
  return server;
}

/** What a TLS server is made of. */
export function contextOptionsOf({ certificate, privateKey, clientAuthorities }: PortTls): SecureContextOptions {
  const ca = clientAuthorities !== undefined && { ca: clientAuthorities };
  return { cert: certificate, key: privateKey, minVersion: 'TLSv1.2', ...ca };
}
