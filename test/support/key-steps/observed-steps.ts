import { randomInt } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';

/** The steps that a process reports while it rotates keys; see `interrupt.ts`. */
export class ObservedSteps {
  readonly taken: string[] = [];
  readonly #killWithinMs: number | undefined;
  #firstAtMs = 0;
  #lastAtMs = 0;

  /** @param killWithinMs kills the process at a random time after its first step */
  constructor(killWithinMs?: number) {
    this.#killWithinMs = killWithinMs;
  }

  /** For `ProcessOptions`. */
  readonly observe = (step: string, process: ChildProcess): void => {
    this.#lastAtMs = performance.now();
    if (this.taken.length === 0) {
      this.#firstAtMs = this.#lastAtMs;
      if (this.#killWithinMs !== undefined) setTimeout(() => process.kill('SIGKILL'), randomInt(this.#killWithinMs));
    }
    this.taken.push(step);
  };

  get last(): string {
    return this.taken.at(-1) ?? 'no step';
  }

  /** From the first step to the last, rounded up. */
  get durationMs(): number {
    return Math.ceil(this.#lastAtMs - this.#firstAtMs) + 1;
  }
}
