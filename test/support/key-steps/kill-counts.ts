/** How often a process was killed at each step of a rotation, for all the kills of a test. */
export class KillCounts {
  readonly #counts: Map<string, number>;

  /** @param steps those that a rotation without a kill took */
  constructor(steps: readonly string[]) {
    this.#counts = new Map(steps.map((step) => [step, 0]));
  }

  /** @param step the last one that the process reported */
  add(step: string): void {
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + 1);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The steps at which no process was killed. */
  get missed(): readonly string[] {
    return [...this.#counts].filter(([, count]) => count === 0).map(([step]) => step);
  }

  /** One line for each step, for the output of the test. */
  print(title: string): void {
    const lines = [...this.#counts].map(([step, count]) => `      ${String(count).padStart(3)} ${step}`);
    process.stdout.write(`    ${this.total} kills ${title}:\n${lines.join('\n')}\n`);
  }
}
