/** How many texts of one kind are prepared; the server keeps each on every connection. */
const namesMax = 64;

/**
 * Names texts that are put together as they are needed, so that those that come first, which are those that come often, are
 * prepared. Beyond a bound there is no name for a text that is not known, and it is parsed each time.
 */
export class StatementNames {
  readonly #kind: string;
  readonly #names = new Map<string, string>();

  /** @param kind begins all names; no other statement's name may begin with it */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** The name of a text; empty where it has none. */
  nameOf(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size === namesMax) return known ?? '';
    const name = `${this.#kind} ${this.#names.size + 1}`;
    this.#names.set(text, name);
    return name;
  }
}
