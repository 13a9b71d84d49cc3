import assert from 'node:assert/strict';

/** The length of every key here, in bytes. */
export const keyBytes = 32;

const redacted = '[key]';

/**
 * A key of 32 bytes. It is kept in a `Uint8Array`, never in a string, so that it can be wiped. Printing it in any way shows `[key]`.
 */
export class Key {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /** @param bytes are owned by the key: wiping the key wipes them */
  constructor(bytes: Uint8Array) {
    assert(bytes.length === keyBytes, 'a key has 32 bytes');
    this.#bytes = bytes;
  }

  /** The bytes, for the call that uses them. A wiped key throws, because zeros would be a valid key. */
  expose(): Uint8Array {
    assert(!this.#wiped, 'the key has been wiped');
    return this.#bytes;
  }

  /** Overwrites the bytes. Copies in libsodium's WebAssembly memory cannot be wiped. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
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
