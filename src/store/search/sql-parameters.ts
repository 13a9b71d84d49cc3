/** Numbers the parameters of a statement while its text is written: no value is ever a part of the text. */
export class SqlParameters {
  readonly values: unknown[] = [];
  readonly #now: Date;
  #nowReference: string | undefined;

  /** @param now the time at which states are determined, one for the whole statement */
  constructor(now: Date) {
    this.#now = now;
  }

  /** Adds a value, and returns the reference to it, such as `$3`. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  /** The reference to the time of the search. */
  get now(): string {
    this.#nowReference ??= `${this.add(this.#now)}::timestamptz`;
    return this.#nowReference;
  }
}
