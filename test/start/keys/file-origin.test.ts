import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MasterKey } from '../../../src/encryption/master-key.ts';
import type { MasterKeySource } from '../../../src/encryption/open-keyring.ts';
import { loadSodium, type Sodium } from '../../../src/encryption/sodium.ts';
import { fileOrigin, settleKeyFile, writeNextKey } from '../../../src/start/keys/file-origin.ts';

const emptyKeyring = {
  instanceId: '00000000-0000-4000-8000-000000000000',
  derivation: 'key',
  salt: new Uint8Array(),
  canary: new Uint8Array(),
  wrappedKeys: new Uint8Array(),
  wrappedMaster: null,
  createdAt: new Date(0),
} as const;

const holdsData = async (): Promise<boolean> => false;

describe('the master key in a file', () => {
  const rounds = 40;
  let sodium: Sodium;
  let folder: string;

  before(async () => {
    sodium = await loadSodium();
    folder = await mkdtemp(join(tmpdir(), 'coffer-file-origin-'));
  });

  after(() => rm(folder, { recursive: true }));

  function fingerprintOf(source: MasterKeySource): string {
    return source.kind === 'key' ? MasterKey.fromBytes(sodium, source.key).fingerprint : '';
  }

  it('is found at every moment of a rotation', async () => {
    const path = join(folder, 'master.key');
    const origin = fileOrigin(path, sodium);
    await origin.obtain({ keyring: undefined, holdsData });
    for (let round = 0; round < rounds; round += 1) {
      const { source } = await writeNextKey(path, sodium);
      const masterFingerprint = fingerprintOf(source);
      const keyring = { ...emptyKeyring, masterFingerprint };
      const obtained = Array.from({ length: 8 }, () => origin.obtain({ keyring, holdsData }));
      await settleKeyFile(path, masterFingerprint, sodium);
      expect((await Promise.all(obtained)).map(fingerprintOf)).to.deep.equal(Array(8).fill(masterFingerprint));
    }
  });
});
