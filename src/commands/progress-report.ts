import type { TrailFault, VerificationObserver } from '../vault/audit/verification.ts';

/** Intervals of progress reports: a terminal's line is rewritten, other outputs get a line each. */
const terminalEveryMs = 200;
const linesEveryMs = 5_000;

/** Writes progress and faults; on a terminal, progress stays on one line. */
export class ProgressReport implements VerificationObserver {
  readonly #output: NodeJS.WriteStream;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #isLineOpen = false;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  onProgress(done: number, total: number): void {
    const now = performance.now();
    const isEnd = done === total;
    if (!isEnd && now < this.#reportedAtMs + (this.#output.isTTY ? terminalEveryMs : linesEveryMs)) return;
    this.#reportedAtMs = now;
    const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
    const text = `${done} of about ${total} events and rows are verified (${percent} %)`;
    if (!this.#output.isTTY) return this.line(text);
    this.#output.write(`\r\u001b[K${text}`);
    this.#isLineOpen = true;
  }

  onFault({ kind, message, stream }: Pick<TrailFault, 'kind' | 'message' | 'stream'>): void {
    this.line(`${kind} ${stream}: ${message}`);
  }

  /** Writes a line that begins with the name of the program. */
  line(text: string): void {
    this.print(this.#output, `coffer: ${text}`);
  }

  /** Writes a line to another output, after the line of progress that may be open on a terminal. */
  print(output: NodeJS.WriteStream, text: string): void {
    if (this.#isLineOpen) this.#output.write('\n');
    this.#isLineOpen = false;
    output.write(`${text}\n`);
  }
}
