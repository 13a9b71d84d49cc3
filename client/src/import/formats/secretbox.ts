import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';

export const secretboxKeyBytes = 32;
export const secretboxNonceBytes = 24;
const macBytes = 16;

/**
 * Opens a box of libsodium's crypto_secretbox_easy; undefined where it is not authentic under this key and nonce.
 *
 * @param key 32 bytes
 */
export function openSecretbox(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  if (nonce.length !== secretboxNonceBytes || box.length < macBytes) return undefined;
  try {
    return xsalsa20poly1305(key, nonce).decrypt(box);
  } catch {
    return undefined;
  }
}
