import { randomBytes } from 'node:crypto';
import { KeyedAuditChain } from '../../src/audit/keyed-audit-chain.ts';
import { KeyedAuditMac } from '../../src/encryption/macs.ts';
import { Key } from '../../src/encryption/key.ts';
import { loadSodium } from '../../src/encryption/sodium.ts';
import type { WorkspaceCipherSource } from '../../src/vault/workspaces/ports.ts';

/** A chain with a key of its own, or a given one. */
export async function newChain(key: Uint8Array = randomBytes(32)): Promise<KeyedAuditChain> {
  return new KeyedAuditChain(new KeyedAuditMac(await loadSodium(), new Key(new Uint8Array(key))));
}

/** For where no secret is sealed. */
export const noCiphers: WorkspaceCipherSource = {
  cipherFor: () => Promise.reject(new Error('nothing is sealed here')),
  newWorkspaceKey: () => {
    throw new Error('no workspace is made here');
  },
  renew: () => Promise.reject(new Error('nothing is sealed here')),
  forget: () => undefined,
};
