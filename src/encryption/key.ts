import assert from 'node:assert/strict';

/** The length of every key here, in bytes. */
export const keyBytes = 32;

const redacted = '[key]';

/**
 * A key of 32 bytes. It lives in a `Uint8Array`, never in a string, so that it can be wiped; printing it in any way shows
 * `[key]`.
 */
export class Key {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /** @param bytes are taken over: wiping the key wipes them */
  constructor(bytes: Uint8Array) {
    assert(bytes.length === keyBytes, 'a key has 32 bytes');
    this.#bytes = bytes;
  }

  /** The key itself, for the one call that uses it; a wiped key is refused, since zeros would pass for a key. */
  expose(): Uint8Array {
    assert(!this.#wiped, 'the key has been wiped');
    return this.#bytes;
  }

  /** Overwrites the bytes; libsodium's own copies in WebAssembly memory are beyond reach. */
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
