import { Redacted } from '../vault/secret.ts';
import assert from 'node:assert/strict';
import { argon2 } from 'node:crypto';
import { promisify } from 'node:util';

import { derivationLabels, derive, type Derivation } from './derive.ts';
import { copyOutsideHeap, Key, keyBytes } from './key.ts';
import type { Sodium } from './sodium.ts';

/** The length of the salt that a password is hashed with, in bytes. */
export const saltBytes = 16;

/**
 * Argon2id at 256 MiB, more than OWASP and the second option of RFC 9106 require: about 0.9 s at each start. `memory` is in KiB.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9106#section-4
 */
const argon2idCost = { memory: 262_144, passes: 3, parallelism: 1, tagLength: keyBytes } as const;

const base64Of32Bytes = /^[A-Za-z0-9+/]{43}=$/;

/** Parses a master key in base64; undefined for anything but the canonical encoding of exactly 32 bytes. */
export function parseMasterKey(text: string): Uint8Array | undefined {
  if (!base64Of32Bytes.test(text)) return undefined;
  // Node decodes into memory that it shares among buffers.
  const decoded = Buffer.from(text, 'base64');
  const bytes = copyOutsideHeap(decoded);
  const isCanonical = decoded.toString('base64') === text;
  decoded.fill(0);
  return isCanonical ? bytes : undefined;
}

/** A derivation from the master key. */
export type MasterDerivation = Pick<Derivation, 'label' | 'parts'>;

/** The root of all keys. It is used for derivation and for splitting it into shares, and is never stored in the database. */
export class MasterKey extends Redacted {
  /** 8 bytes as 16 hex digits, safe to print and to store: it identifies a key and reveals nothing about it. */
  readonly fingerprint: string;
  readonly #sodium: Sodium;
  readonly #key: Key;

  private constructor(sodium: Sodium, key: Key) {
    super('[key]');
    this.#sodium = sodium;
    this.#key = key;
    const fingerprint = derive(sodium, { key, label: derivationLabels.masterFingerprint, parts: [], length: 8 });
    this.fingerprint = Buffer.from(fingerprint).toString('hex');
  }

  /** @param bytes 32 random bytes, which are copied; the caller wipes the original */
  static fromBytes(sodium: Sodium, bytes: Uint8Array): MasterKey {
    return new MasterKey(sodium, new Key(copyOutsideHeap(bytes)));
  }

  /**
   * Takes 256 MiB and about a second, in a separate thread.
   *
   * @param password not empty; normalized to NFC, so that the way in which a keyboard composes characters has no effect
   * @param salt 16 random bytes, stored beside the data that the key protects
   */
  static async fromPassword(sodium: Sodium, password: string, salt: Uint8Array): Promise<MasterKey> {
    assert(password.length > 0, 'a master password is not empty');
    assert(salt.length === saltBytes, 'a salt has 16 bytes');
    const message = new TextEncoder().encode(password.normalize('NFC'));
    try {
      const tag = await promisify(argon2)('argon2id', { message, nonce: salt, ...argon2idCost });
      return new MasterKey(sodium, new Key(tag));
    } finally {
      message.fill(0);
    }
  }

  /** Derives a key of 32 bytes for one synchronous use, and wipes it when `use` returns. */
  lendKey<Result>({ label, parts }: MasterDerivation, use: (key: Key) => Result): Result {
    const key = new Key(derive(this.#sodium, { key: this.#key, label, parts, length: keyBytes }));
    try {
      return use(key);
    } finally {
      key.wipe();
    }
  }

  /** A copy of the 32 bytes, which the caller wipes. */
  copy(): Uint8Array {
    return copyOutsideHeap(this.#key.expose());
  }

  /** Overwrites the key; nothing can be derived from it afterwards. */
  wipe(): void {
    this.#key.wipe();
  }
}
