import type { Socket } from 'node:net';
import { networkOf } from '../../vault/network.ts';
import { Connection, type ConnectionEnd } from './connection.ts';
import { canonicalSocketAddress, type IsTrustedProxy } from './peer-address.ts';

/** How many connections there may be, and for how long without authentication. */
export interface ConnectionLimits {
  readonly connectionsMax: number;
  /** Per address, for IPv6 per network of 64 bits; 0 means no limit. Trusted proxies are exempt. */
  readonly perAddressMax: number;
  /** From the first bytes, or from the end of the TLS handshake, until the first authenticated call. */
  readonly unauthenticatedMs: number;
  readonly isTrustedProxy: IsTrustedProxy;
}

/** Why the server closed a connection; these are the values of a metric's label. */
export const closeReasons = [
  'address_limit',
  'port_full',
  'room_made',
  'unauthenticated',
  'answers_unread',
  'answers_too_many',
] as const;
export type CloseReason = (typeof closeReasons)[number];

/** Called when the server closes a connection because of a limit. */
export type OnClose = (reason: CloseReason, connection: Connection) => void;

/** The connections of a port. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #onClose: OnClose;
  readonly #all = new Set<Connection>();
  readonly #countByNetwork = new Map<string, number>();
  /** Those whose protocol is not known yet, by peer: a TLS socket is not the same object as the TCP socket below it. */
  readonly #undecided = new Map<string, Connection>();
  /** By socket or session. */
  readonly #bySource = new WeakMap<object, Connection>();
  /** Those without authentication, in the order of their last activity: the longest idle is the first. */
  readonly #idle = new Set<Connection>();
  readonly #busy = new Set<Connection>();

  constructor(limits: ConnectionLimits, onClose: OnClose) {
    this.#limits = limits;
    this.#onClose = onClose;
  }

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#all[Symbol.iterator]();
  }

  /**
   * Admits a connection. If the port is full, the longest idle one without authentication is closed.
   *
   * @returns undefined if there is no room; the connection has then been closed
   */
  admit(socket: Socket): Connection | undefined {
    const address = canonicalSocketAddress(socket.remoteAddress ?? '');
    const isTrustedProxy = this.#limits.isTrustedProxy(address);
    const observer = { changed: this.#order, expired: this.#expire };
    const connection = new Connection({ socket, network: networkOf(address), isTrustedProxy }, observer);
    const refusal = this.#refusalOf(connection);
    if (refusal !== undefined) {
      this.close(connection, refusal);
      return undefined;
    }
    this.#add(connection);
    return connection;
  }

  /** Opens a connection for calls; its source, by which `of` finds it, is the socket or the HTTP/2 session. */
  open(socket: Socket, source: object, end: ConnectionEnd): void {
    const peer = peerOf(socket);
    const connection = this.#undecided.get(peer);
    if (!connection) return;
    this.#undecided.delete(peer);
    this.#bySource.set(source, connection);
    connection.open(end, this.#limits.unauthenticatedMs);
  }

  /** The connection of a socket or of an HTTP/2 session. */
  of(source: object | undefined): Connection | undefined {
    return source && this.#bySource.get(source);
  }

  /** Closes a connection at once. */
  close(connection: Connection, reason: CloseReason): void {
    connection.socket.destroy();
    this.#onClose(reason, connection);
  }

  /** Closes the connections whose protocol is not known yet. */
  closeUndecided(): void {
    for (const { socket } of this.#undecided.values()) socket.destroy();
  }

  #refusalOf(connection: Connection): CloseReason | undefined {
    const { connectionsMax, perAddressMax } = this.#limits;
    const { network, isTrustedProxy } = connection;
    const isCounted = perAddressMax > 0 && !isTrustedProxy;
    if (isCounted && (this.#countByNetwork.get(network) ?? 0) >= perAddressMax) return 'address_limit';
    if (this.#all.size < connectionsMax) return undefined;
    const [longestIdle] = this.#idle.size > 0 ? this.#idle : this.#busy;
    if (!longestIdle) return 'port_full';
    this.#remove(longestIdle);
    this.close(longestIdle, 'room_made');
    return undefined;
  }

  #add(connection: Connection): void {
    const { network, socket } = connection;
    const peer = peerOf(socket);
    this.#all.add(connection);
    this.#undecided.set(peer, connection);
    this.#countByNetwork.set(network, (this.#countByNetwork.get(network) ?? 0) + 1);
    this.#order(connection);
    socket.once('close', () => {
      if (this.#undecided.get(peer) === connection) this.#undecided.delete(peer);
      this.#remove(connection);
    });
  }

  /** A connection that is closed to make room no longer counts, although its socket has yet to close. */
  #remove(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    this.#idle.delete(connection);
    this.#busy.delete(connection);
    const count = (this.#countByNetwork.get(connection.network) ?? 0) - 1;
    if (count > 0) this.#countByNetwork.set(connection.network, count);
    else this.#countByNetwork.delete(connection.network);
  }

  readonly #order = (connection: Connection): void => {
    this.#idle.delete(connection);
    this.#busy.delete(connection);
    if (connection.isAuthenticated || !this.#all.has(connection)) return;
    (connection.answers.size > 0 ? this.#busy : this.#idle).add(connection);
  };

  readonly #expire = (connection: Connection): void => {
    this.#onClose('unauthenticated', connection);
    connection.end();
  };
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
