/** Tells that somebody's rights may have changed; answers what ends the subscription. */
export type OnGrantChange = (changed: () => void) => () => void;

/** How often who streams is asked for once more, whatever is told: proofs expire, and changes may be unheard. */
const askEveryMs = 900;

interface OpenStream {
  /** Rejects where the caller may no longer have it. */
  readonly ask: () => Promise<unknown>;
  readonly controller: AbortController;
}

/**
 * The streams that are open. Each is given up as soon as its caller could not open it any more: he is asked for whenever
 * somebody's rights have changed, and at least once a second.
 */
export class OpenStreams implements Disposable {
  readonly #open = new Set<OpenStream>();
  readonly #stop: () => void;
  #isAsking = false;
  #isToAskAgain = false;

  constructor(onGrantChange: OnGrantChange = () => () => undefined) {
    const ask = () => void this.#askAll();
    const unsubscribe = onGrantChange(ask);
    const timer = setInterval(ask, askEveryMs);
    timer.unref();
    this.#stop = () => {
      clearInterval(timer);
      unsubscribe();
    };
  }

  /**
   * Adds a stream.
   *
   * @param ask rejects where its caller may no longer have it
   * @returns a signal that is aborted then, with that reason, and what ends the watching
   */
  add(ask: () => Promise<unknown>): { readonly signal: AbortSignal; readonly end: () => void } {
    const stream = { ask, controller: new AbortController() };
    this.#open.add(stream);
    return { signal: stream.controller.signal, end: () => void this.#open.delete(stream) };
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  /** What is told while it asks is asked for afterwards, once. */
  async #askAll(): Promise<void> {
    this.#isToAskAgain = true;
    if (this.#isAsking) return;
    this.#isAsking = true;
    // Others who are told the same must have heard it first: what they remember is asked.
    await Promise.resolve();
    while (this.#isToAskAgain) {
      this.#isToAskAgain = false;
      await Promise.all([...this.#open].map(askOne));
    }
    this.#isAsking = false;
  }
}

async function askOne({ ask, controller }: OpenStream): Promise<void> {
  try {
    await ask();
  } catch (error) {
    controller.abort(error);
  }
}
