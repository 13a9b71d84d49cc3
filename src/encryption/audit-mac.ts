import type { AuditMac } from '../vault/audit/ports.ts';
import type { MacField } from './derivation-input.ts';
import { derivationLabels, derive } from './derive.ts';
import type { Key } from './key.ts';
import type { Sodium } from './sodium.ts';

const macBytes = 32;

/** `AuditMac` by keyed BLAKE2b; what is hashed is written down in `docs/sealed-format.md`. */
export class KeyedAuditMac implements AuditMac {
  readonly #sodium: Sodium;
  readonly #key: Key;

  constructor(sodium: Sodium, key: Key) {
    this.#sodium = sodium;
    this.#key = key;
  }

  compute(fields: readonly MacField[]): Uint8Array {
    const label = derivationLabels.auditMac;
    return derive(this.#sodium, { key: this.#key, label, parts: [], fields, length: macBytes });
  }
}
