import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { Key } from '../../src/encryption/key.ts';
import { Keyring } from '../../src/encryption/keyring.ts';
import { MasterKey } from '../../src/encryption/master-key.ts';
import { RandomPool } from '../../src/encryption/random.ts';
import { SecretboxEncryptor } from '../../src/encryption/secretbox-encryptor.ts';
import { identifyKey } from '../../src/encryption/derive.ts';
import { loadSodium, type Sodium } from '../../src/encryption/sodium.ts';
import { Secret } from '../../src/vault/secret.ts';

const instanceId = '018cc251-f400-7000-8000-000000000001';
const identity = { workspaceId: instanceId, credentialId: instanceId, version: 1 };

/** Where bytes are in the memory of libsodium; -1 where they are not. */
function placeOf(sodium: Sodium, bytes: Uint8Array): number {
  const { HEAPU8: heap } = Object(Reflect.get(sodium, 'libsodium'));
  return Buffer.from(heap.buffer).indexOf(bytes);
}

describe('the memory of libsodium', () => {
  it('has no key and no secret any more once the keyring is closed', async () => {
    const sodium = await loadSodium();
    const random = new RandomPool();
    const [masterBytes, instanceKeys, workspaceBytes] = [randomBytes(32), randomBytes(96), randomBytes(32)];
    const master = MasterKey.fromBytes(sodium, masterBytes);
    const keyring = new Keyring({ sodium, random });
    keyring.open({ instanceId, master, instanceKeys });
    keyring.grantMac.compute('user', ['a']);
    keyring.auditMac.compute(['a']);
    const workspaceKey = identifyKey(sodium, new Key(new Uint8Array(workspaceBytes)));
    const wrapped = keyring.wrapWorkspaceKey(instanceId, workspaceKey);
    const { keyId } = workspaceKey;
    const { masterFingerprint } = keyring;
    keyring.unwrapWorkspaceKey({ workspaceId: instanceId, keyId, wrapped, masterFingerprint, createdAt: new Date() });
    const given = [masterBytes, workspaceBytes, ...[0, 32, 64].map((at) => instanceKeys.subarray(at, at + 32))];
    expect(given.some((bytes) => placeOf(sodium, bytes) >= 0)).to.equal(true);
    const secret = randomBytes(20_000).toString('hex');
    new SecretboxEncryptor(sodium, random).seal(workspaceKey, identity, new Secret({ secret }));
    expect(placeOf(sodium, Buffer.from(secret.slice(-16)))).to.be.greaterThan(0);
    keyring.close();
    for (const bytes of given) expect(placeOf(sodium, bytes)).to.equal(-1);
    for (const part of [secret.slice(0, 16), secret.slice(-16)])
      expect(placeOf(sodium, Buffer.from(part))).to.equal(-1);
    // It still computes.
    expect(sodium.crypto_generichash(32, 'a', null)).to.have.lengthOf(32);
  });
});
