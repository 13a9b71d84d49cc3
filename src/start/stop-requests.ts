/** The signals of a supervisor, Ctrl-C, Ctrl-\, and a terminal that is closed. */
const signals = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const;

/** A terminal, npm and a launcher each forward the same Ctrl-C, so signals within this time repeat the first request. */
const sameRequestMs = 2_000;

/** The source of signals, such as the process. `disconnect` means that the launcher of this process has exited. */
export interface SignalSource {
  on(event: string, listener: () => void): unknown;
  removeListener(event: string, listener: () => void): unknown;
}

/** The source of signals, and a monotonic clock in milliseconds. */
export interface StopRequestParts {
  readonly source: SignalSource;
  readonly nowMs?: () => number;
}

/**
 * Turns signals into one stop request. Signals within two seconds belong to it; a later one requests an immediate exit.
 * Signals are handled from the first call of `listen` until disposal; before and after, each has its default effect.
 */
export class StopRequests implements Disposable {
  readonly #source: SignalSource;
  readonly #nowMs: () => number;
  readonly #requested = new AbortController();
  readonly #insisted = new AbortController();
  readonly #listeners = new Map<string, () => void>();
  #firstAtMs: number | undefined;

  constructor({ source, nowMs = () => performance.now() }: StopRequestParts) {
    this.#source = source;
    this.#nowMs = nowMs;
  }

  /** Aborted by the first request. */
  get requested(): AbortSignal {
    return this.#requested.signal;
  }

  /** Aborted by a signal more than two seconds after the first: exit immediately. */
  get insisted(): AbortSignal {
    return this.#insisted.signal;
  }

  listen(): void {
    if (this.#listeners.size > 0) return;
    for (const name of [...signals, 'disconnect']) {
      const listener = (): void => this.#take(name);
      this.#listeners.set(name, listener);
      this.#source.on(name, listener);
    }
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) this.#source.removeListener(name, listener);
    this.#listeners.clear();
  }

  #take(name: string): void {
    const nowMs = this.#nowMs();
    this.#firstAtMs ??= nowMs;
    if (!this.requested.aborted) this.#requested.abort(name);
    else if (nowMs - this.#firstAtMs > sameRequestMs) this.#insisted.abort(name);
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
