import type { Trouble } from './database-trouble.ts';

/** What became of the writes since it was last asked. */
export interface WriteOutcomes {
  readonly isAnyDone: boolean;
  /** Of the last one that failed. */
  readonly trouble: Trouble | undefined;
}

/** What calls and probes find out about the database by using it. */
export class DatabaseHealth {
  readonly #counts = new Map<Trouble, number>();
  #isAnyDone = false;
  #trouble: Trouble | undefined;

  /** How often statements, transactions and probes have failed, by the reason. */
  get failures(): ReadonlyMap<Trouble, number> {
    return this.#counts;
  }

  failed(trouble: Trouble): void {
    this.#counts.set(trouble, (this.#counts.get(trouble) ?? 0) + 1);
  }

  writeFailed(trouble: Trouble): void {
    this.#trouble = trouble;
  }

  wrote(): void {
    this.#isAnyDone = true;
  }

  /** Forgets what it answers. */
  takeWrites(): WriteOutcomes {
    const taken = { isAnyDone: this.#isAnyDone, trouble: this.#trouble };
    this.#isAnyDone = false;
    this.#trouble = undefined;
    return taken;
  }
}
