import { derivationLabels, derive } from './derive.ts';
import type { Key } from './key.ts';
import type { Sodium } from './sodium.ts';

/** A key of a workspace in clear, with the id that sealed bytes name it by. */
export interface WorkspaceKey {
  /** 8 bytes. */
  readonly keyId: Uint8Array;
  readonly key: Key;
}

/** Names a key by its own hash, so that another key can't pass for it. */
export function identifyKey(sodium: Sodium, key: Key): WorkspaceKey {
  return { keyId: derive(sodium, { key, label: derivationLabels.keyId, parts: [], length: 8 }), key };
}
