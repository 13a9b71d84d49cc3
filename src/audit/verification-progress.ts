import { setImmediate } from 'node:timers/promises';
import type { TrailFault, VerificationObserver } from '../vault/audit/verification.ts';

/** The most faults that are reported, of the whole trail; the first of each stream are. */
const faultsMax = 100;
/** How many rows are checked before other work of the process gets its turn: some milliseconds. */
const rowsAtATime = 100;

/** What a verification has found and done so far: all faults are counted, and the first are kept and reported. */
export class VerificationProgress {
  readonly faults: TrailFault[] = [];
  faultCount = 0;
  readonly #observer: VerificationObserver | undefined;
  readonly #signal: AbortSignal | undefined;
  #done = 0;
  #total = 0;

  constructor(observer: VerificationObserver | undefined, signal: AbortSignal | undefined) {
    this.#observer = observer;
    this.#signal = signal;
  }

  /** Tells how many events and rows there are, about. */
  begin(total: number): void {
    this.#total = total;
    this.#observer?.onProgress(0, total);
  }

  add(...faults: readonly TrailFault[]): void {
    this.faultCount += faults.length;
    const kept = faults.slice(0, faultsMax - this.faults.length);
    this.faults.push(...kept);
    for (const fault of kept) this.#observer?.onFault(fault);
  }

  /**
   * Counts an event or a row, and lets other work of the process go on now and then.
   *
   * @throws the signal's reason once it is aborted
   */
  count(): Promise<void> | undefined {
    this.#done += 1;
    return this.#done % rowsAtATime === 0 ? this.#pause() : undefined;
  }

  end(): void {
    this.#observer?.onProgress(this.#done, this.#done);
  }

  async #pause(): Promise<void> {
    this.#signal?.throwIfAborted();
    this.#observer?.onProgress(this.#done, Math.max(this.#done, this.#total));
    await setImmediate();
  }
}
