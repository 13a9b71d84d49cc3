/** A map of at most so many entries, from the oldest to the newest: adding one more drops the oldest. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #entriesMax: number;

  /** @param entriesMax at least 1 */
  constructor(entriesMax: number) {
    super();
    this.#entriesMax = entriesMax;
  }

  /** Adds or replaces an entry, which becomes the newest. */
  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#entriesMax) {
      const [oldest] = this.keys();
      if (oldest !== undefined) this.delete(oldest);
    }
    return this;
  }

  /** Finds an entry, which becomes the newest. */
  use(key: Key): Value | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    this.delete(key);
    super.set(key, value);
    return value;
  }
}
