import { constants } from 'node:http2';
import { VaultError } from '../../vault/errors.ts';
import type { Connection, OpenAnswer } from './connection.ts';
import type { Connections } from './connections.ts';

/** How many bytes of answers may wait to be read by their clients, and for how long. */
export interface UnreadLimits {
  readonly bytesPerConnection: number;
  /** On all connections. */
  readonly bytesMax: number;
  /** How long a client may take none of the bytes of a connection or of an HTTP/2 stream. */
  readonly unreadMs: number;
}

/** The default limits. */
export const unreadBytesDefaults = { bytesPerConnection: 16 * 1_048_576, bytesMax: 128 * 1_048_576 } as const;

/** An answer of fewer bytes is not counted before it is sent: 100 streams of them take 1.6 MiB. */
const smallBytes = 16_384;
/** How long a client must have taken nothing before its connection is closed to make room for others. */
const makesRoomAfterMs = 1_000;
const sweepEveryMsMax = 700;

/** When a client last took bytes, judged by comparing the waiting bytes at intervals. */
class Progress {
  #lastBytes = 0;
  #stalledSinceMs: number | undefined;
  #hasDrained = false;

  /** @returns how long nothing has been taken */
  look(waitingBytes: number, nowMs: number): number {
    const hasTaken = this.#hasDrained || waitingBytes < this.#lastBytes;
    this.#hasDrained = false;
    this.#lastBytes = waitingBytes;
    if (waitingBytes === 0) this.#stalledSinceMs = undefined;
    else if (hasTaken || this.#stalledSinceMs === undefined) this.#stalledSinceMs = nowMs;
    return this.#stalledSinceMs === undefined ? 0 : nowMs - this.#stalledSinceMs;
  }

  drain(): void {
    this.#hasDrained = true;
  }
}

/**
 * Watches the bytes of answers that wait to be read. A connection whose client takes none of them in time is closed, an HTTP/2
 * stream is reset, and an answer that would exceed the limits is not sent.
 */
export class UnreadAnswers implements Disposable {
  readonly #connections: Connections;
  readonly #limits: UnreadLimits;
  readonly #timer: NodeJS.Timeout;
  readonly #progress = new WeakMap<OpenAnswer, Progress>();
  /** How long each connection has taken none of its bytes, as of the last look. */
  #stalledMs = new Map<Connection, number>();
  #waitingBytes = 0;

  constructor(connections: Connections, limits: UnreadLimits) {
    this.#connections = connections;
    this.#limits = limits;
    this.#timer = setInterval(() => this.#look(), Math.min(sweepEveryMsMax, limits.unreadMs / 8));
    this.#timer.unref();
  }

  /** On all connections, as of the last look. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * Decides whether an answer may be sent. If too many bytes wait on all connections, the connection that has taken nothing for
   * the longest time is closed to make room.
   */
  hasRoomFor(connection: Connection, bytes: number): boolean {
    if (bytes <= smallBytes) return true;
    const waiting = connection.waitingBytes;
    if (waiting > 0 && waiting + bytes > this.#limits.bytesPerConnection) return false;
    while (this.#waitingBytes + bytes > this.#limits.bytesMax && this.#makeRoom());
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > this.#limits.bytesMax) return false;
    this.#waitingBytes += bytes;
    return true;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #makeRoom(): boolean {
    const [stalled] = [...this.#stalledMs].toSorted(([, one], [, other]) => other - one);
    if (!stalled || stalled[1] < makesRoomAfterMs) return false;
    const [connection] = stalled;
    this.#stalledMs.delete(connection);
    this.#waitingBytes = Math.max(0, this.#waitingBytes - connection.waitingBytes);
    this.#connections.close(connection, 'answers_too_many');
    return true;
  }

  #look(): void {
    const nowMs = performance.now();
    let waitingBytes = 0;
    const stalledMs = new Map<Connection, number>();
    for (const connection of this.#connections) {
      if (connection.answers.size === 0) continue;
      const { waitingBytes: ofConnection } = connection;
      waitingBytes += ofConnection;
      const longestMs = this.#lookAt(connection, nowMs);
      if (longestMs >= this.#limits.unreadMs) this.#connections.close(connection, 'answers_unread');
      else if (longestMs > 0) stalledMs.set(connection, longestMs);
    }
    this.#waitingBytes = waitingBytes;
    this.#stalledMs = stalledMs;
  }

  /** @returns how long the client has taken nothing of any answer */
  #lookAt(connection: Connection, nowMs: number): number {
    let leastMs = Number.POSITIVE_INFINITY;
    const stalled: OpenAnswer[] = [];
    for (const answer of connection.answers) {
      const waitingBytes = answer.writableLength;
      if (waitingBytes === 0 && !this.#progress.has(answer)) continue;
      const ms = this.#progressOf(answer).look(waitingBytes, nowMs);
      if (waitingBytes === 0) continue;
      leastMs = Math.min(leastMs, ms);
      if (ms >= this.#limits.unreadMs) stalled.push(answer);
    }
    if (leastMs === Number.POSITIVE_INFINITY) return 0;
    // Only HTTP/2 can reset a single answer; those of HTTP/1.1 wait for one another on their connection.
    for (const answer of stalled) answer.close?.(constants.NGHTTP2_CANCEL);
    return Math.min(leastMs, nowMs - connection.lastTakenMs);
  }

  #progressOf(answer: OpenAnswer): Progress {
    const known = this.#progress.get(answer);
    if (known) return known;
    const progress = new Progress();
    answer.on('drain', () => progress.drain());
    this.#progress.set(answer, progress);
    return progress;
  }
}

/**
 * Checks that the limits leave room for an answer of so many bytes.
 *
 * @throws VaultError `resource_exhausted`
 */
export type CheckRoom = (exchange: { readonly connection: Connection | undefined }, bytes: number) => void;

/** Creates the check of the room on the connection of an exchange and on all connections. */
export function createRoomCheck(unreadAnswers: UnreadAnswers): CheckRoom {
  return ({ connection }, bytes) => {
    if (!connection || unreadAnswers.hasRoomFor(connection, bytes)) return;
    const message = 'too many answers of this connection wait to be read';
    throw new VaultError('resource_exhausted', message, { retryAfterMs: 1_000 });
  };
}
