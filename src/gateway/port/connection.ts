import type { Socket } from 'node:net';

/** An answer that is being sent: an HTTP/1.1 response or an HTTP/2 stream. */
export interface OpenAnswer {
  /** Bytes that the client has not taken yet. */
  readonly writableLength: number;
  readonly writableFinished: boolean;
  on(event: 'drain', listener: () => void): unknown;
  /** Resets an HTTP/2 stream. */
  readonly close?: (code: number) => void;
}

/** How a connection is ended, by its protocol. */
export interface ConnectionEnd {
  /** Accepts no further call; those in flight finish. */
  readonly refuseCalls: (connection: Connection) => void;
  /** Closes the connection, which has no call in flight, or soon. */
  readonly close: () => void;
}

/** Observes a connection. */
export interface ConnectionObserver {
  /** It has become idle or busy, or has been authenticated. */
  readonly changed: (connection: Connection) => void;
  /** Its time for authentication is over. */
  readonly expired: (connection: Connection) => void;
}

/** A TCP connection: whether a call on it was authenticated, and which answers are in flight. */
export class Connection {
  readonly socket: Socket;
  /** The canonical address of the peer; for IPv6 its network of 64 bits. */
  readonly network: string;
  /** Forwards the calls of many clients, and names their addresses. */
  readonly isTrustedProxy: boolean;
  /** The answers in flight. */
  readonly answers = new Set<OpenAnswer>();
  /** Bytes of answers that the socket does not have yet. */
  heldBytes = 0;
  /** When its client last took a whole answer, by the monotonic clock. */
  lastTakenMs = Number.NEGATIVE_INFINITY;
  #isAuthenticated = false;
  #isEnding = false;
  #end: ConnectionEnd | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #observer: ConnectionObserver;

  constructor(
    { socket, network, isTrustedProxy }: Pick<Connection, 'socket' | 'network' | 'isTrustedProxy'>,
    observer: ConnectionObserver,
  ) {
    this.socket = socket;
    this.network = network;
    this.isTrustedProxy = isTrustedProxy;
    this.#observer = observer;
    socket.once('close', () => clearTimeout(this.#timer));
  }

  /** Whether it has served an authenticated call; a trusted proxy needs none. */
  get isAuthenticated(): boolean {
    return this.#isAuthenticated || this.isTrustedProxy;
  }

  /** Whether it accepts no further call. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Whether its protocol is known, so that it can have calls. */
  get isOpen(): boolean {
    return this.#end !== undefined;
  }

  /** Bytes of answers that the client has not taken. */
  get waitingBytes(): number {
    let bytes = this.heldBytes;
    for (const { writableLength } of this.answers) bytes += writableLength;
    return bytes;
  }

  /** Opens it for calls, of which one must be authenticated within the time. */
  open(end: ConnectionEnd, unauthenticatedMs: number): void {
    this.#end = end;
    if (this.isAuthenticated) return;
    this.#timer = setTimeout(() => this.#observer.expired(this), unauthenticatedMs);
    this.#timer.unref();
  }

  /** Records that one of its calls was authenticated. */
  markAuthenticated(): void {
    if (this.#isAuthenticated) return;
    this.#isAuthenticated = true;
    clearTimeout(this.#timer);
    this.#observer.changed(this);
  }

  begin(answer: OpenAnswer): void {
    this.answers.add(answer);
    if (!this.#isAuthenticated) this.#observer.changed(this);
  }

  /** Records that an answer has ended, or that its client has left. */
  finish(answer: OpenAnswer): void {
    this.answers.delete(answer);
    if (answer.writableFinished) this.lastTakenMs = performance.now();
    if (!this.#isAuthenticated) this.#observer.changed(this);
    if (this.#isEnding && this.answers.size === 0) this.#end?.close();
  }

  /** Resets it, so that its client does not take a part of an answer for the whole. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Ends it once its calls have ended. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#end?.refuseCalls(this);
    if (this.answers.size === 0) this.#end?.close();
  }
}

/** Accounts for bytes of an answer that the socket does not have yet; a negative number releases them. */
export function hold({ connection }: { readonly connection: Connection | undefined }, bytes: number): void {
  if (connection) connection.heldBytes += bytes;
}
