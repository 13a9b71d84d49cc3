import { Socket } from 'node:net';
import type { Client } from 'pg';
import type { StoreLog } from './store-log.ts';
import { answerGraceMs, callLimits } from './time-limits.ts';

/** A connection was closed because no answer arrived in time. */
export class SilentConnectionError extends Error {
  constructor() {
    super('the database did not answer in time');
    this.name = 'SilentConnectionError';
  }
}

/** The state of a connection, in milliseconds of `performance.now()`. */
interface Watched {
  heardAtMs: number;
  sentAtMs: number;
  /** The deadline of the answer; infinite while none is awaited. */
  dueAtMs: number;
  /** Whether the deadline had passed at the previous check: after a pause of this process, answers may have arrived unread. */
  isOverdue: boolean;
  /** Whether to close the connection after the current answer. */
  isReplaced: boolean;
}

const checkEveryMs = 250;
const callWaitsMs = callLimits.statementMs + answerGraceMs;

/**
 * Closes connections without an answer in time, for example because the other host is down, has lost its address, or is frozen,
 * which causes no error. One timer watches all connections, so that a statement costs two assignments.
 *
 * If one connection is silent, it also closes all others that have received nothing since then: each idle one would otherwise
 * delay another call. Long-running statements keep their own limit.
 */
export class SilenceWatch {
  readonly #log: StoreLog;
  readonly #watched = new Map<Client, Watched>();
  /** Includes the sockets of connections that are being opened. */
  readonly #sockets = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #isAborted = false;

  constructor(log: StoreLog) {
    this.#log = log;
  }

  /** Creates the socket of a new connection. */
  openSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // pg listens only while it uses the socket, and an error of a connection that it has abandoned must not end the process.
    socket.on('error', () => undefined);
    if (this.#isAborted) setImmediate(() => socket.destroy(new SilentConnectionError()));
    return socket;
  }

  /** Watches a connection until it ends. */
  add(client: Client): void {
    const watched = {
      heardAtMs: performance.now(),
      sentAtMs: 0,
      dueAtMs: Number.POSITIVE_INFINITY,
      isOverdue: false,
      isReplaced: false,
    };
    this.#watched.set(client, watched);
    client.once('end', () => this.#remove(client));
    this.#timer ??= setInterval(() => this.#check(), checkEveryMs).unref();
  }

  /** To be called when a statement is sent. */
  sent(client: Client, answerWithinMs: number): void {
    const watched = this.#watched.get(client);
    if (!watched) return;
    watched.sentAtMs = performance.now();
    watched.dueAtMs = watched.sentAtMs + answerWithinMs;
  }

  /** To be called when the answer is complete. */
  answered(client: Client): void {
    const watched = this.#watched.get(client);
    if (!watched) return;
    watched.heardAtMs = performance.now();
    watched.dueAtMs = Number.POSITIVE_INFINITY;
    watched.isOverdue = false;
    if (watched.isReplaced) client.connection.stream.destroy();
  }

  /** Closes all connections, busy ones after their current answer, so that new ones replace them. */
  replaceAll(): void {
    for (const [client, watched] of this.#watched) {
      watched.isReplaced = true;
      if (watched.dueAtMs === Number.POSITIVE_INFINITY) client.connection.stream.destroy();
    }
  }

  /** Resolves when all connections have ended, or after the given time. */
  async ended(withinMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    const ends = Array.from(this.#watched.keys(), (client) => new Promise((end) => client.once('end', end)));
    await Promise.race([Promise.all(ends), late]);
    clearTimeout(timer);
  }

  /** Closes the idle connections that have received nothing since the given time. */
  closeIdleSince(sinceMs: number): void {
    for (const [client, { dueAtMs, heardAtMs }] of this.#watched) {
      if (heardAtMs > sinceMs || dueAtMs !== Number.POSITIVE_INFINITY) continue;
      client.connection.stream.destroy(new SilentConnectionError());
    }
  }

  /** Closes all connections at once, and all future ones. */
  abort(): void {
    this.#isAborted = true;
    for (const socket of this.#sockets) socket.destroy(new SilentConnectionError());
  }

  #check(): void {
    const nowMs = performance.now();
    let silentSinceMs = Number.POSITIVE_INFINITY;
    for (const watched of this.#watched.values()) {
      if (watched.dueAtMs > nowMs) continue;
      if (watched.isOverdue) silentSinceMs = Math.min(silentSinceMs, watched.sentAtMs);
      watched.isOverdue = true;
    }
    if (silentSinceMs < nowMs) this.#closeSilent(silentSinceMs, nowMs);
  }

  #closeSilent(sinceMs: number, nowMs: number): void {
    const silent = [...this.#watched].filter(
      ([, { dueAtMs, heardAtMs }]) =>
        heardAtMs <= sinceMs && (dueAtMs <= nowMs + callWaitsMs || dueAtMs === Number.POSITIVE_INFINITY),
    );
    this.#log.warn(
      { connections: silent.length, silentMs: Math.round(nowMs - sinceMs) },
      'connections to the database are silent, and are closed',
    );
    for (const [client] of silent) client.connection.stream.destroy(new SilentConnectionError());
  }

  #remove(client: Client): void {
    this.#watched.delete(client);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
