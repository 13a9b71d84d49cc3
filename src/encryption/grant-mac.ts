import { timingSafeEqual } from 'node:crypto';

import type { GrantMac } from '../vault/ports.ts';
import { derivationLabels, derive } from './derive.ts';
import type { Key } from './key.ts';
import type { Sodium } from './sodium.ts';

/** A granting column of a row, as the store gives it; null is not the empty value. */
export type GrantField = string | Uint8Array | null;

const macBytes = 32;
const absent = Uint8Array.of(0);
const present = Uint8Array.of(1);

/** `GrantMac` by keyed BLAKE2b; what is hashed is written down in `docs/sealed-format.md`. */
export class KeyedGrantMac implements GrantMac {
  readonly #sodium: Sodium;
  readonly #key: Key;

  constructor(sodium: Sodium, key: Key) {
    this.#sodium = sodium;
    this.#key = key;
  }

  compute(table: string, fields: readonly GrantField[]): Uint8Array {
    const parts = [table, ...fields.map(encodeField)];
    return derive(this.#sodium, { key: this.#key, label: derivationLabels.grantMac, parts, length: macBytes });
  }

  verify(table: string, fields: readonly GrantField[], mac: Uint8Array): boolean {
    return mac.length === macBytes && timingSafeEqual(this.compute(table, fields), mac);
  }
}

function encodeField(field: GrantField): Uint8Array {
  return field === null ? absent : Buffer.concat([present, Buffer.from(field)]);
}
