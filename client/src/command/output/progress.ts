import type { Output } from './output.ts';

/** Work that takes less shows nothing. */
const quietMs = 500;
const everyMs = 100;

/** Shows on a terminal how far long work has come, on one line of the standard error; nothing elsewhere. */
export class Progress implements Disposable {
  readonly #output: Output;
  readonly #startedAtMs = performance.now();
  #shownAtMs = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Shows a short text such as `2,000 credentials`. */
  show(text: string): void {
    const nowMs = performance.now();
    if (!this.#output.hasTerminalForNotes || nowMs < this.#startedAtMs + quietMs || nowMs < this.#shownAtMs + everyMs)
      return;
    this.#shownAtMs = nowMs;
    this.#output.writeNote(`\r\u001b[K${text}`);
  }

  /** Clears the line, before results are printed. */
  clear(): void {
    if (this.#shownAtMs > 0) this.#output.writeNote('\r\u001b[K');
    this.#shownAtMs = 0;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
