import assert from 'node:assert/strict';
import wrappers, { ready } from 'libsodium-wrappers';
import type { Key } from './key.ts';
import type { RandomSource } from '../vault/ids.ts';

/** libsodium, loaded and ready. */
export type Sodium = typeof wrappers;

/**
 * Loads libsodium's WebAssembly. Its functions are absent until then, so it is passed to everything that needs it.
 *
 * @see https://doc.libsodium.org/bindings_for_other_languages#programming-languages
 */
export async function loadSodium(): Promise<Sodium> {
  await ready;
  return wrappers;
}

/** The memory of libsodium's WebAssembly, which its types leave out. */
interface WorkMemory {
  /** Another one after the memory has grown. */
  readonly HEAPU8: Uint8Array;
  /** @returns the offset of free bytes */
  readonly _malloc: (bytes: number) => number;
  readonly _free: (offset: number) => void;
}

function isWorkMemory(value: unknown): value is WorkMemory {
  const { HEAPU8: heap, _free: free, _malloc: allocate } = Object(value);
  return heap instanceof Uint8Array && typeof allocate === 'function' && typeof free === 'function';
}

/**
 * Overwrites the memory in which libsodium computes. It copies keys there for each call, and frees but does not overwrite them.
 * Between two calls nothing there is in use, so that the largest free block covers what they have left.
 */
export function wipeWorkMemory(sodium: Sodium): void {
  const memory: unknown = Reflect.get(sodium, 'libsodium');
  assert(isWorkMemory(memory), 'libsodium computes in WebAssembly');
  const { _free: free, _malloc: allocate } = memory;
  const bytes = memory.HEAPU8.length / 2;
  const offset = allocate(bytes);
  memory.HEAPU8.fill(0, offset, offset + bytes);
  free(offset);
}

/** The length of a secretbox nonce in bytes: long enough for random nonces without a limit of their number. */
export const nonceBytes = 24;

const wrappingVersion = 0x01;

export interface BoxOpening {
  readonly box: Uint8Array;
  readonly nonce: Uint8Array;
  readonly key: Uint8Array;
}

/**
 * Opens a secretbox into a new array, which the caller wipes; undefined if it was modified.
 *
 * @see https://doc.libsodium.org/secret-key_cryptography/secretbox
 */
export function openBox(sodium: Sodium, { box, nonce, key }: BoxOpening): Uint8Array | undefined {
  try {
    return sodium.crypto_secretbox_open_easy(box, nonce, key);
  } catch {
    return undefined;
  }
}

/** Wraps key material: format version, nonce, secretbox. @see docs/sealed-format.md */
export function wrap(
  sodium: Sodium,
  random: RandomSource,
  { key, content }: { key: Key; content: Uint8Array },
): Uint8Array {
  const nonce = random.take(nonceBytes);
  return Buffer.concat([
    Uint8Array.of(wrappingVersion),
    nonce,
    sodium.crypto_secretbox_easy(content, nonce, key.expose()),
  ]);
}

/** Unwraps key material into a new array, which the caller wipes; undefined if it was modified. */
export function unwrap(sodium: Sodium, { key, wrapped }: { key: Key; wrapped: Uint8Array }): Uint8Array | undefined {
  if (wrapped[0] !== wrappingVersion) return undefined;
  const nonce = wrapped.subarray(1, 1 + nonceBytes);
  return openBox(sodium, { box: wrapped.subarray(1 + nonceBytes), nonce, key: key.expose() });
}
