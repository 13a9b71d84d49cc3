import assert from 'node:assert/strict';

import type { Key } from './key.ts';
import type { Sodium } from './sodium.ts';

/** What each derivation is for: no two share a label, so that no key ever serves two ends. */
export const derivationLabels = {
  masterFingerprint: 'coffer/v1/fingerprint',
  canaryKey: 'coffer/v1/canary',
  keyringKey: 'coffer/v1/keyring',
  keyEncryptionKey: 'coffer/v1/kek',
  keyId: 'coffer/v1/key-id',
  recordKey: 'coffer/v1/record',
  grantMac: 'coffer/v1/grant-mac',
  auditMac: 'coffer/v1/audit-mac',
} as const;

/** One of the labels. */
export type DerivationLabel = (typeof derivationLabels)[keyof typeof derivationLabels];

/** What to derive, and from which key. */
export interface Derivation {
  readonly key: Key;
  readonly label: DerivationLabel;
  /** What the result is bound to; text counts as UTF-8. */
  readonly parts: readonly (string | Uint8Array)[];
  /** Of the result, 8 to 64 bytes. */
  readonly length: number;
}

/**
 * Keyed BLAKE2b over the label and the parts, each behind its length, so that no two lists of parts read alike.
 *
 * @see https://doc.libsodium.org/hashing/generic_hashing
 * @see https://www.rfc-editor.org/rfc/rfc7693
 */
export function derive(sodium: Sodium, { key, label, parts, length }: Derivation): Uint8Array {
  return sodium.crypto_generichash(length, lengthPrefixed([label, ...parts]), key.expose());
}

/** Each part behind its length in bytes, as 4 bytes big-endian. */
export function lengthPrefixed(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const lengths = parts.map((part) => (typeof part === 'string' ? Buffer.byteLength(part) : part.length));
  const bytes = Buffer.alloc(lengths.reduce((total, length) => total + 4 + length, 0));
  let offset = 0;
  for (const [index, part] of parts.entries()) {
    offset = bytes.writeUInt32BE(lengths[index] ?? 0, offset);
    if (typeof part === 'string') offset += bytes.write(part, offset);
    else {
      bytes.set(part, offset);
      offset += part.length;
    }
  }
  return bytes;
}

/** A UUID as its 16 bytes, so that its spelling in upper or lower case does not matter. */
export function uuidBytes(uuid: string): Uint8Array {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  assert(bytes.length === 16 && uuid.length === 36, 'an id is a UUID');
  return bytes;
}

/** A number from 0 to 2³² − 1 as 4 bytes, big-endian. */
export function uint32Bytes(number: number): Uint8Array {
  assert(Number.isInteger(number), 'a number is whole');
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}
