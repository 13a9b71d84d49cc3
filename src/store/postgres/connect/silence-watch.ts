import { Socket } from 'node:net';
import type { Client } from 'pg';
import type { StoreLog } from './store-log.ts';
import { answerGraceMs, callLimits } from './time-limits.ts';

/** No answer came in time over a connection, which is therefore closed. */
export class SilentConnectionError extends Error {
  constructor() {
    super('the database did not answer in time');
    this.name = 'SilentConnectionError';
  }
}

/** What is known of a connection, in milliseconds of `performance.now()`. */
interface Watched {
  heardAtMs: number;
  sentAtMs: number;
  /** When the answer must be there; infinite while none is awaited. */
  dueAtMs: number;
  /** Found overdue once already: answers that are there but not read yet, after a pause of this process, get another chance. */
  isOverdue: boolean;
  /** Whether it is closed after the answer that is awaited. */
  isReplaced: boolean;
}

const checkEveryMs = 250;
const callWaitsMs = callLimits.statementMs + answerGraceMs;

/**
 * Closes connections on which an answer does not come in time, as when the other host is dead, has lost its address, or is
 * frozen: no error would ever say so. One timer watches all connections, so that a statement costs two assignments.
 *
 * Where one connection is silent, all others are closed as well over which nothing has come since: of those that are idle
 * each would otherwise cost one more call its time. Long work is left to its own limit.
 */
export class SilenceWatch {
  readonly #log: StoreLog;
  readonly #watched = new Map<Client, Watched>();
  /** Those of connections that are being opened as well. */
  readonly #sockets = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #isCut = false;

  constructor(log: StoreLog) {
    this.#log = log;
  }

  /** Makes the socket of a connection that is to be opened. */
  openSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#isCut) setImmediate(() => socket.destroy(new SilentConnectionError()));
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

  /** To be called when the answer to what was sent is complete. */
  answered(client: Client): void {
    const watched = this.#watched.get(client);
    if (!watched) return;
    watched.heardAtMs = performance.now();
    watched.dueAtMs = Number.POSITIVE_INFINITY;
    watched.isOverdue = false;
    if (watched.isReplaced) client.connection.stream.destroy();
  }

  /** Closes all connections, those that an answer is awaited on after it: others take their places. */
  replaceAll(): void {
    for (const [client, watched] of this.#watched) {
      watched.isReplaced = true;
      if (watched.dueAtMs === Number.POSITIVE_INFINITY) client.connection.stream.destroy();
    }
  }

  /** Resolves when all connections have ended, at the latest after a time. */
  async ended(withinMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    const ends = Array.from(this.#watched.keys(), (client) => new Promise((end) => client.once('end', end)));
    await Promise.race([Promise.all(ends), late]);
    clearTimeout(timer);
  }

  /** Closes the idle connections over which nothing has come since a time. */
  closeIdleSince(sinceMs: number): void {
    for (const [client, { dueAtMs, heardAtMs }] of this.#watched) {
      if (heardAtMs > sinceMs || dueAtMs !== Number.POSITIVE_INFINITY) continue;
      client.connection.stream.destroy(new SilentConnectionError());
    }
  }

  /** Closes all connections at once, and those that are yet to be opened. */
  cut(): void {
    this.#isCut = true;
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
