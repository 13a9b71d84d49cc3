/** Subscribes to changes of anybody's permissions; returns what ends the subscription. */
export type OnAccessChange = (changed: () => void) => () => void;

/** Interval for re-authorizing open streams: credentials expire, and a notification of a change may be lost. */
const reauthorizeEveryMs = 900;

interface OpenStream {
  /** Rejects if the caller may no longer have the stream. */
  readonly reauthorize: () => Promise<unknown>;
  readonly controller: AbortController;
}

/**
 * The open streams. Each is aborted as soon as its caller could not open it any more: all are re-authorized whenever anybody's
 * permissions change, and at least once a second.
 */
export class OpenStreams implements Disposable {
  readonly #open = new Set<OpenStream>();
  readonly #stop: () => void;
  #isRunning = false;
  #isRequested = false;

  constructor(onAccessChange: OnAccessChange = () => () => undefined) {
    const run = () => void this.#reauthorizeAll();
    const unsubscribe = onAccessChange(run);
    const timer = setInterval(run, reauthorizeEveryMs);
    timer.unref();
    this.#stop = () => {
      clearInterval(timer);
      unsubscribe();
    };
  }

  /**
   * Adds a stream.
   *
   * @param reauthorize rejects if the caller may no longer have the stream
   * @returns a signal that is then aborted with that reason, and what removes the stream
   */
  add(reauthorize: () => Promise<unknown>): { readonly signal: AbortSignal; readonly end: () => void } {
    const stream = { reauthorize, controller: new AbortController() };
    this.#open.add(stream);
    return { signal: stream.controller.signal, end: () => void this.#open.delete(stream) };
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  /** Changes that arrive during a run cause one more run. */
  async #reauthorizeAll(): Promise<void> {
    this.#isRequested = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    // Caches that subscribe to the same changes must be invalidated first.
    await Promise.resolve();
    while (this.#isRequested) {
      this.#isRequested = false;
      await Promise.all([...this.#open].map(reauthorizeOne));
    }
    this.#isRunning = false;
  }
}

async function reauthorizeOne({ reauthorize, controller }: OpenStream): Promise<void> {
  try {
    await reauthorize();
  } catch (error) {
    controller.abort(error);
  }
}
