import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * The certificate by which the peer of a connection proved itself in the TLS handshake; undefined in clear, and where no
 * certificate was asked for. A request of HTTP/2 shows its connection's socket by a proxy, which passes for it.
 */
export function peerCertificateOf(socket: Socket): X509Certificate | undefined {
  return socket instanceof TLSSocket && socket.authorized ? socket.getPeerX509Certificate() : undefined;
}
