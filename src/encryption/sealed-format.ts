import assert from 'node:assert/strict';

import { secretUnreadable } from './unreadable-error.ts';

/** The parts of a sealed secret, of these lengths: 8, 32, 24 and at least 80 bytes. */
export interface SealedParts {
  readonly keyId: Uint8Array;
  readonly commitment: Uint8Array;
  readonly nonce: Uint8Array;
  /** A secretbox: a tag of 16 bytes, then the encrypted padded plaintext. */
  readonly box: Uint8Array;
}

const formatVersion = 0x01;

/** The offset of each part. */
const offsets = { keyId: 1, commitment: 9, nonce: 41, box: 65 } as const;

/** The length of secretbox's tag. */
const tagBytes = 16;

const boxBytesMin = tagBytes + 64;

/** The length of the padded plaintext in bytes. */
export function paddedBytesOf({ box }: SealedParts): number {
  return box.length - tagBytes;
}

/** Encodes the parts into a new array. @see docs/sealed-format.md */
export function encodeSealed({ keyId, commitment, nonce, box }: SealedParts): Uint8Array {
  assert(keyId.length === 8 && commitment.length === 32 && nonce.length === 24 && box.length >= boxBytesMin);
  const sealed = new Uint8Array(offsets.box + box.length);
  sealed[0] = formatVersion;
  sealed.set(keyId, offsets.keyId);
  sealed.set(commitment, offsets.commitment);
  sealed.set(nonce, offsets.nonce);
  sealed.set(box, offsets.box);
  return sealed;
}

/**
 * Decodes the parts without copying them.
 *
 * @throws VaultError `secret_unreadable` if the version is unknown or the bytes are too few
 */
export function decodeSealed(sealed: Uint8Array): SealedParts {
  if (sealed.length > 0 && sealed[0] !== formatVersion) throw secretUnreadable('format_unknown');
  if (sealed.length < offsets.box + boxBytesMin) throw secretUnreadable('format_invalid');
  return {
    keyId: sealed.subarray(offsets.keyId, offsets.commitment),
    commitment: sealed.subarray(offsets.commitment, offsets.nonce),
    nonce: sealed.subarray(offsets.nonce, offsets.box),
    box: sealed.subarray(offsets.box),
  };
}
