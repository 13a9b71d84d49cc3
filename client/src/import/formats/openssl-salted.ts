import { createHash } from 'node:crypto';
import type { Opened } from '../reading/source-entry.ts';
import { decodeBase64 } from './base64.ts';
import { decryptCbc, isWholeBlocks, openPaddedObject, type CbcKey } from './cbc.ts';

const magic = Buffer.from('Salted__');
const saltBytes = 8;
const keyBytes = 32;
const ivBytes = 16;

/**
 * Opens a text that `openssl enc -aes-256-cbc -md md5 -a` or the library crypto-js wrote: base64 of `Salted__`, 8 bytes of salt
 * and the ciphertext of a JSON object.
 *
 * @see https://docs.openssl.org/master/man3/EVP_BytesToKey/
 */
export function openSalted(text: string, passphrase: Uint8Array): Opened {
  const bytes = decodeBase64(text.trim());
  if (!bytes) return { state: 'damaged', reason: 'it is not base64' };
  if (!bytes.subarray(0, magic.length).equals(magic))
    return { state: 'damaged', reason: 'it does not begin with Salted__' };
  const salt = bytes.subarray(magic.length, magic.length + saltBytes);
  const sealed = bytes.subarray(magic.length + saltBytes);
  if (!isWholeBlocks(sealed)) return { state: 'damaged', reason: 'it was cut off' };
  return openPaddedObject(decryptCbc(deriveKey(passphrase, salt), sealed));
}

/** Derives key and IV as EVP_BytesToKey does with MD5 and one round. */
function deriveKey(passphrase: Uint8Array, salt: Uint8Array): CbcKey {
  let derived = Buffer.alloc(0);
  let digest = Buffer.alloc(0);
  while (derived.length < keyBytes + ivBytes) {
    digest = createHash('md5').update(digest).update(passphrase).update(salt).digest();
    derived = Buffer.concat([derived, digest]);
  }
  return { key: derived.subarray(0, keyBytes), iv: derived.subarray(keyBytes, keyBytes + ivBytes) };
}
