import type { JsonObject } from './json.ts';

/** An object that prints as a placeholder in every way: as a string, as JSON and by `inspect`. */
export class Redacted {
  readonly #placeholder: string;

  constructor(placeholder: string) {
    this.#placeholder = placeholder;
  }

  toString(): string {
    return this.#placeholder;
  }

  toJSON(): string {
    return this.#placeholder;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.#placeholder;
  }
}

/** The plaintext of a credential: a JSON object of fields, such as `{"api_key":"…"}`. Only `expose()` returns the fields. */
export class Secret extends Redacted {
  readonly #fields: JsonObject;

  constructor(fields: JsonObject) {
    super('[secret]');
    this.#fields = fields;
  }

  /** The fields in clear, for sealing and for the response that reveals them. */
  expose(): JsonObject {
    return this.#fields;
  }
}
