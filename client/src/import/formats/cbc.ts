import { createDecipheriv } from 'node:crypto';
import { isJsonObject, parseJson } from '../reading/json.ts';
import { openedFields, type Opened } from '../reading/source-entry.ts';

const blockBytes = 16;

/** A key of AES-CBC, whose length chooses the cipher. */
export interface CbcKey {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/**
 * Decrypts AES-CBC without looking at its padding, so that what a wrong key and what damage leave can be distinguished.
 *
 * @param sealed a positive multiple of 16 bytes
 */
export function decryptCbc({ key, iv }: CbcKey, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv(key.length === 32 ? 'aes-256-cbc' : 'aes-128-cbc', key, iv);
  decipher.setAutoPadding(false);
  return Buffer.concat([decipher.update(sealed), decipher.final()]);
}

/** Whether a ciphertext has a length that CBC produces. */
export function isWholeBlocks(sealed: Uint8Array): boolean {
  return sealed.length > 0 && sealed.length % blockBytes === 0;
}

/**
 * Reads a JSON object from decrypted blocks. CBC has no MAC, and one wrong key in 256 passes the padding: only a JSON object
 * counts as opened.
 */
export function openPaddedObject(blocks: Buffer): Opened {
  const padded = withoutPadding(blocks);
  const value = padded && parseJson(decodeUtf8(padded) ?? '');
  if (isJsonObject(value)) return openedFields(value);
  return looksLikeObject(blocks, padded)
    ? { state: 'damaged', reason: 'the ciphertext was changed: it decrypts to a part of a JSON object' }
    : { state: 'wrong key', reason: 'it does not decrypt to a JSON object under this key' };
}

/** Removes the padding of PKCS #7; undefined where it is none. */
function withoutPadding(blocks: Buffer): Buffer | undefined {
  const count = blocks.at(-1) ?? 0;
  if (count < 1 || count > blockBytes) return undefined;
  const padding = blocks.subarray(-count);
  return padding.every((byte) => byte === count) ? blocks.subarray(0, -count) : undefined;
}

/**
 * Whether the beginning or the end is that of a JSON object with members. A wrong key produces that once in 65,536 times; a
 * change of a ciphertext spoils one block and one byte position of the next.
 */
function looksLikeObject(blocks: Buffer, padded: Buffer | undefined): boolean {
  return blocks.subarray(0, 2).equals(Buffer.from('{"')) || padded?.at(-1) === '}'.charCodeAt(0);
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
