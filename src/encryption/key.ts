import { vaultSealed } from '../vault/errors.ts';
import { Redacted } from '../vault/secret.ts';
import assert from 'node:assert/strict';

/** The length of every key here, in bytes. */
export const keyBytes = 32;

/**
 * Copies bytes out of the heap of V8, where it keeps arrays of up to 64 bytes: its collector moves them, and leaves copies that
 * nothing can wipe.
 */
export function copyOutsideHeap(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/**
 * A key of 32 bytes. It is kept in a `Uint8Array`, never in a string, so that it can be wiped. Printing it in any way shows `[key]`.
 */
export class Key extends Redacted {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /** @param bytes are taken over, and wiped */
  constructor(bytes: Uint8Array) {
    super('[key]');
    assert(bytes.length === keyBytes, 'a key has 32 bytes');
    this.#bytes = copyOutsideHeap(bytes);
    bytes.fill(0);
  }

  /** The bytes, for the call that uses them. A wiped key throws, because zeros would be a valid key. */
  expose(): Uint8Array {
    assert(!this.#wiped, 'the key has been wiped');
    return this.#bytes;
  }

  /** Overwrites the bytes, but not the copies that libsodium has made; see `wipeWorkMemory`. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }
}

/** What a key is used through. */
export type UsableKey = Pick<Key, 'expose'>;

/** The place of a key that is in memory only while the vault is open. */
export class KeySlot extends Redacted implements UsableKey {
  #key: Key | undefined;

  constructor() {
    super('[key]');
  }

  /** @throws VaultError `unavailable` with the reason `SEALED` while it is empty */
  expose(): Uint8Array {
    if (!this.#key) throw vaultSealed();
    return this.#key.expose();
  }

  /** @param bytes are taken over, and wiped */
  fill(bytes: Uint8Array): void {
    this.wipe();
    this.#key = new Key(bytes);
  }

  /** Overwrites the key, and empties the slot. */
  wipe(): void {
    this.#key?.wipe();
    this.#key = undefined;
  }
}
