import type { JsonObject } from './json.ts';

const redacted = '[secret]';

/**
 * The plaintext of a credential: a JSON object of fields, such as `{"api_key":"…"}`. Printing it in any way shows `[secret]`;
 * only `expose()` returns the fields.
 */
export class Secret {
  readonly #fields: JsonObject;

  constructor(fields: JsonObject) {
    this.#fields = fields;
  }

  /** The fields in clear, for sealing and for the response that reveals them. */
  expose(): JsonObject {
    return this.#fields;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return redacted;
  }
}
