const placeholder = '[secret]';

/**
 * The plaintext of one field of a credential. It prints as `[secret]` as a text, as JSON, in templates, in logs and by
 * `console.log`; only `expose()` returns the text.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    Object.freeze(this);
  }

  /** The text in clear. A field that is not a text is its JSON. */
  expose(): string {
    return this.#text;
  }

  toString(): string {
    return placeholder;
  }

  toJSON(): string {
    return placeholder;
  }

  [Symbol.toPrimitive](): string {
    return placeholder;
  }

  get [Symbol.toStringTag](): string {
    return 'Secret';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return placeholder;
  }

  [Symbol.for('Deno.customInspect')](): string {
    return placeholder;
  }
}
