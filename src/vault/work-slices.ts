/** The event loop of the process. */
export interface EventLoop {
  /** A time in milliseconds that never goes back. */
  readonly nowMs: () => number;
  /** Resolves after other work that waits has run. */
  readonly pause: () => Promise<void>;
}

/** How long work may occupy the event loop at a time, in milliseconds. */
const sliceMs = 10;

/** Divides the work of one call into slices, between which the process serves other calls. */
export class WorkSlices {
  readonly #loop: EventLoop;
  #beganMs: number;

  constructor(loop: EventLoop) {
    this.#loop = loop;
    this.#beganMs = loop.nowMs();
  }

  /** To be awaited between two steps; pauses if the slice is over. */
  async next(): Promise<void> {
    if (this.#loop.nowMs() - this.#beganMs < sliceMs) return;
    await this.#loop.pause();
    this.#beganMs = this.#loop.nowMs();
  }

  /** To be called after the work has waited for something else. */
  restart(): void {
    this.#beganMs = this.#loop.nowMs();
  }
}
