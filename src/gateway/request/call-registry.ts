import { Code, ConnectError } from '@connectrpc/connect';
import type { FastifyReply } from 'fastify';
import { shutdownError } from '../errors/connect-errors.ts';

/** A call in flight. */
export class OpenCall {
  readonly #calls: Set<OpenCall>;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;

  /**
   * @param calls those in flight, which it adds itself to
   * @param timeoutMs from now; Infinity means no deadline
   */
  constructor(calls: Set<OpenCall>, timeoutMs: number) {
    this.#calls = calls;
    calls.add(this);
    if (timeoutMs !== Infinity) this.#timer = setTimeout(() => this.#expire(), timeoutMs);
  }

  /** Aborted when the deadline passes, the client goes away, or the server stops; the reason is a ConnectError. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: ConnectError): void {
    this.#controller.abort(reason);
  }

  /** To be called when the client goes away. */
  leave(): void {
    this.abort(new ConnectError('the client went away', Code.Canceled));
  }

  /** To be called when the call is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.#calls.delete(this);
  }

  #expire(): void {
    this.abort(new ConnectError('the deadline has passed', Code.DeadlineExceeded));
  }
}

/** The calls in flight, so that a stopping server can abort them. */
export class CallRegistry {
  readonly #calls = new Set<OpenCall>();

  /** @param timeoutMs from now; Infinity means no deadline */
  begin(timeoutMs: number): OpenCall {
    return new OpenCall(this.#calls, timeoutMs);
  }

  /** Begins a call that is over when its response closes, and aborted if the response is then incomplete. */
  beginWith({ raw }: FastifyReply, timeoutMs: number): OpenCall {
    const call = this.begin(timeoutMs);
    raw.once('close', () => {
      if (!raw.writableEnded) call.leave();
      call.end();
    });
    return call;
  }

  /** Aborts all calls because the server stops. */
  abort(): void {
    for (const call of this.#calls) call.abort(shutdownError());
  }
}

/** Settles like an answer, but no later than the signal is aborted; then it rejects with the reason of the signal. */
export function untilAborted<Answer>(signal: AbortSignal, answer: Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    answer.then(resolve, reject);
  });
}

/**
 * Yields what a source yields until the signal is aborted, whether or not the source observes the signal.
 *
 * @throws Error once the signal is aborted
 */
export async function* itemsUntilAborted<Item>(signal: AbortSignal, source: AsyncIterable<Item>): AsyncGenerator<Item> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextOf(iterator, signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // It may never settle, so nothing waits for it.
    iterator.return?.().catch(() => undefined);
  }
}

async function nextOf<Item>(iterator: AsyncIterator<Item>, signal: AbortSignal): Promise<IteratorResult<Item>> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error('the stream was aborted', { cause: signal.reason }));
    signal.addEventListener('abort', onAbort, { once: true });
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
