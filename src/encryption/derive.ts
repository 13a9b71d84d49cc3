import assert from 'node:assert/strict';
import type { Key, UsableKey } from './key.ts';
import type { Sodium } from './sodium.ts';

/** The label of each derivation: no two share one, so that no key has two purposes. */
export const derivationLabels = {
  masterFingerprint: 'coffer/v1/fingerprint',
  canaryKey: 'coffer/v1/canary',
  keyringKey: 'coffer/v1/keyring',
  keyEncryptionKey: 'coffer/v1/kek',
  keyId: 'coffer/v1/key-id',
  recordKey: 'coffer/v1/record',
  grantMac: 'coffer/v1/grant-mac',
  auditMac: 'coffer/v1/audit-mac',
  pageTokenKey: 'coffer/v1/page-token',
} as const;

/** One of the labels. */
export type DerivationLabel = (typeof derivationLabels)[keyof typeof derivationLabels];

/** A derivation. */
export interface Derivation {
  readonly key: UsableKey;
  readonly label: DerivationLabel;
  /** The result depends on these. */
  readonly parts: readonly DerivationPart[];
  /** The authenticated fields of a MAC, after the parts. */
  readonly fields?: readonly MacField[];
  /** The length of the result, from 8 to 64 bytes. */
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

/** A part of the hashed input; text as UTF-8. */
export type DerivationPart = string | Uint8Array;

/** A field under a MAC; null differs from the empty value. */
export type MacField = DerivationPart | null;

const lengthBytes = 4;

/** The first byte of a field. */
const marks = { absent: 0, present: 1 } as const;

/** The most bytes of UTF-8 for a UTF-16 unit: characters of four bytes have two units. */
const bytesOfUnit = 3;

/**
 * Encodes the hashed input in one pass: each part after its length in bytes, as 4 bytes big-endian, so that no two lists have the
 * same encoding; then the fields in the same way, each `00` for null, or `01` and its bytes.
 *
 * @returns bytes in a shared pool, which the caller must wipe
 */
export function encodeInput(parts: readonly DerivationPart[], fields: readonly MacField[]): Uint8Array {
  const partsMax = parts.reduce((sum, part) => sum + lengthBytes + bytesMaxOf(part), 0);
  const bytesMax = fields.reduce((sum, field) => sum + lengthBytes + 1 + bytesMaxOf(field ?? ''), partsMax);
  const bytes = Buffer.allocUnsafe(bytesMax);
  const fieldsAt = parts.reduce((offset, part) => writePart(bytes, offset, part), 0);
  const offset = fields.reduce((at, field) => writeField(bytes, at, field), fieldsAt);
  return bytes.subarray(0, offset);
}

function bytesMaxOf(part: DerivationPart): number {
  return typeof part === 'string' ? bytesOfUnit * part.length : part.length;
}

/** @returns the offset after the part */
function writePart(bytes: Buffer, offset: number, part: DerivationPart): number {
  return writeLength(bytes, offset, writeBytes(bytes, offset + lengthBytes, part));
}

function writeField(bytes: Buffer, offset: number, field: MacField): number {
  const start = bytes.writeUInt8(field === null ? marks.absent : marks.present, offset + lengthBytes);
  return writeLength(bytes, offset, field === null ? start : writeBytes(bytes, start, field));
}

function writeLength(bytes: Buffer, offset: number, end: number): number {
  bytes.writeUInt32BE(end - offset - lengthBytes, offset);
  return end;
}

function writeBytes(bytes: Buffer, offset: number, part: DerivationPart): number {
  if (typeof part === 'string') return offset + bytes.write(part, offset);
  bytes.set(part, offset);
  return offset + part.length;
}

/** The 16 bytes of a UUID in upper or lower case. */
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

/** A workspace key in clear, with the id in the bytes that it sealed. */
export interface WorkspaceKey {
  /** 8 bytes. */
  readonly keyId: Uint8Array;
  readonly key: Key;
}

/** Derives the id of a key from the key, so that another key cannot have the same id. */
export function identifyKey(sodium: Sodium, key: Key): WorkspaceKey {
  return { keyId: derive(sodium, { key, label: derivationLabels.keyId, parts: [], length: 8 }), key };
}
