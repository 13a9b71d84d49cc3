import { encodeInput, type DerivationPart, type MacField } from './derivation-input.ts';
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
  /** What the result is bound to. */
  readonly parts: readonly DerivationPart[];
  /** What a MAC vouches for, behind the parts. */
  readonly fields?: readonly MacField[];
  /** Of the result, 8 to 64 bytes. */
  readonly length: number;
}

/**
 * Keyed BLAKE2b over the label, the parts and the fields, as `encodeInput` lays them out.
 *
 * @see https://doc.libsodium.org/hashing/generic_hashing
 * @see https://www.rfc-editor.org/rfc/rfc7693
 */
export function derive(sodium: Sodium, { key, label, parts, fields = [], length }: Derivation): Uint8Array {
  const input = encodeInput([label, ...parts], fields);
  try {
    return sodium.crypto_generichash(length, input, key.expose());
  } finally {
    input.fill(0);
  }
}
