import { expect } from 'chai';
import { argon2Sync } from 'node:crypto';

import { derivationLabels } from '../../src/encryption/derive.ts';
import { Key } from '../../src/encryption/key.ts';
import { MasterKey, parseMasterKey } from '../../src/encryption/master-key.ts';
import { loadSodium, type Sodium } from '../../src/encryption/sodium.ts';
import { CountingBytes, hex } from './fixtures.ts';
import { deriveIndependently } from './independent.ts';

const password = 'correct horse bättery staple';
const salt = new CountingBytes(0x60).take(16);

/** Recorded once from libsodium's `crypto_pwhash` (ops 3, 256 MiB, Argon2id 1.3), a second implementation. */
const keyOfPassword = '57c3f4b3519532dab2f30a7cac4ae22e4bde454e1a9a54beacc06ff9f0abb9fd';

describe('the master key', () => {
  let sodium: Sodium;

  before(async () => {
    sodium = await loadSodium();
  });

  it('comes from a password by Argon2id at 256 MiB, 3 passes, 1 lane', async () => {
    const master = await MasterKey.fromPassword(sodium, password, salt);
    expect(master.fingerprint).to.equal(fingerprintOf(keyOfPassword));
  });

  it('rests on an Argon2id that gives the example of RFC 9106', () => {
    const tag = argon2Sync('argon2id', {
      message: Buffer.alloc(32, 1),
      nonce: Buffer.alloc(16, 2),
      secret: Buffer.alloc(8, 3),
      associatedData: Buffer.alloc(12, 4),
      memory: 32,
      passes: 3,
      parallelism: 4,
      tagLength: 32,
    });
    expect(hex(tag)).to.equal('0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659');
  });

  it('is the same however the password is composed, and another for another salt', async () => {
    const decomposed = await MasterKey.fromPassword(sodium, password.normalize('NFD'), salt);
    const otherSalt = await MasterKey.fromPassword(sodium, password, new Uint8Array(16));
    expect(decomposed.fingerprint).to.equal(fingerprintOf(keyOfPassword));
    expect(otherSalt.fingerprint).not.to.equal(fingerprintOf(keyOfPassword));
  });

  it('takes neither an empty password nor a salt of another length', async () => {
    const wrong: [string, Uint8Array][] = [
      ['', salt],
      ['a', new Uint8Array(15)],
      ['a', new Uint8Array()],
    ];
    for (const [text, bytes] of wrong) {
      const outcome = await MasterKey.fromPassword(sodium, text, bytes).then(
        () => 'taken',
        () => 'refused',
      );
      expect(outcome).to.equal('refused');
    }
  });

  it('keeps a copy, so that the caller can wipe the original', () => {
    const bytes = new CountingBytes().take(32);
    const master = MasterKey.fromBytes(sodium, bytes);
    const before = lend(master);
    bytes.fill(0);
    expect(lend(master)).to.equal(before);
  });

  it('lends a key for one use and wipes it', () => {
    const master = MasterKey.fromBytes(sodium, new CountingBytes().take(32));
    const lent = master.lendKey({ label: derivationLabels.canaryKey, parts: [] }, (key) => key);
    expect(lent).to.be.instanceOf(Key);
    expect(() => lent.expose()).to.throw('wiped');
  });

  it('derives nothing once wiped', () => {
    const master = MasterKey.fromBytes(sodium, new CountingBytes().take(32));
    master.wipe();
    expect(() => lend(master)).to.throw('wiped');
  });

  it('is read from base64 of exactly 32 bytes', () => {
    const bytes = new CountingBytes().take(32);
    expect(parseMasterKey(Buffer.from(bytes).toString('base64'))).to.deep.equal(bytes);
  });

  it('is not read from anything else', () => {
    const text = Buffer.alloc(32, 7).toString('base64');
    const wrong = {
      empty: '',
      '31 bytes': Buffer.alloc(31).toString('base64'),
      '33 bytes': Buffer.alloc(33).toString('base64'),
      'without padding': text.slice(0, -1),
      'a line end': `${text}\n`,
      'a leading space': ` ${text}`,
      base64url: Buffer.alloc(32, 0xff).toString('base64url'),
      hex: Buffer.alloc(32).toString('hex'),
      'stray last bits': text.replace(/.=$/, 'd='),
    };
    for (const [name, spelling] of Object.entries(wrong)) expect(parseMasterKey(spelling), name).to.equal(undefined);
  });
});

function lend(master: MasterKey): string {
  return master.lendKey({ label: derivationLabels.canaryKey, parts: [] }, (key) => hex(key.expose()));
}

function fingerprintOf(key: string): string {
  return hex(deriveIndependently(Buffer.from(key, 'hex'), 'coffer/v1/fingerprint', [], 8));
}
