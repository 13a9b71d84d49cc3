import type { AuditMac } from '../vault/audit/ports.ts';
import { type MacField, derivationLabels, derive } from './derive.ts';
import type { UsableKey } from './key.ts';
import type { Sodium } from './sodium.ts';
import { timingSafeEqual } from 'node:crypto';
import type { GrantMac } from '../vault/identity/ports.ts';

const macBytes = 32;

/** `GrantMac` by keyed BLAKE2b. @see docs/sealed-format.md for the input */
export class KeyedGrantMac implements GrantMac {
  readonly #sodium: Sodium;
  readonly #key: UsableKey;

  constructor(sodium: Sodium, key: UsableKey) {
    this.#sodium = sodium;
    this.#key = key;
  }

  compute(table: string, fields: readonly MacField[]): Uint8Array {
    const label = derivationLabels.grantMac;
    return derive(this.#sodium, { key: this.#key, label, parts: [table], fields, length: macBytes });
  }

  verify(table: string, fields: readonly MacField[], mac: Uint8Array): boolean {
    return mac.length === macBytes && timingSafeEqual(this.compute(table, fields), mac);
  }
}

/** `AuditMac` by keyed BLAKE2b. @see docs/sealed-format.md for the input */
export class KeyedAuditMac implements AuditMac {
  readonly #sodium: Sodium;
  readonly #key: UsableKey;

  constructor(sodium: Sodium, key: UsableKey) {
    this.#sodium = sodium;
    this.#key = key;
  }

  compute(fields: readonly MacField[]): Uint8Array {
    const label = derivationLabels.auditMac;
    return derive(this.#sodium, { key: this.#key, label, parts: [], fields, length: macBytes });
  }
}
