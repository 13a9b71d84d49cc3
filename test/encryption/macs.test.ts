import { expect } from 'chai';
import { KeyedGrantMac } from '../../src/encryption/macs.ts';
import { Key } from '../../src/encryption/key.ts';
import type { MacField } from '../../src/encryption/derive.ts';
import { loadSodium, type Sodium } from '../../src/encryption/sodium.ts';
import { changedOnes, hex } from './fixtures.ts';

describe('the MAC of a granting row', () => {
  let sodium: Sodium;
  let grantMac: KeyedGrantMac;

  before(async () => {
    sodium = await loadSodium();
    grantMac = new KeyedGrantMac(sodium, new Key(new Uint8Array(32).fill(1)));
  });

  it('has 32 bytes and verifies', () => {
    const mac = grantMac.compute('membership', ['a', 'viewer', null]);
    expect(mac).to.have.lengthOf(32);
    expect(grantMac.verify('membership', ['a', 'viewer', null], mac)).to.equal(true);
  });

  it('differs for every other row, however its fields are cut', () => {
    const rows: [string, MacField[]][] = [
      ['membership', ['ab', 'c']],
      ['membership', ['a', 'bc']],
      ['membership', ['abc']],
      ['membership', ['abc', '']],
      ['membership', ['abc', null]],
      ['membership', [null, 'abc']],
      ['membership', []],
      ['membership', [null]],
      ['membership', ['']],
      ['membership', ['\u0000']],
      ['membershipa', ['bc']],
      ['api_key', ['abc']],
    ];
    expect(new Set(rows.map(([table, fields]) => hex(grantMac.compute(table, fields)))).size).to.equal(rows.length);
  });

  it('treats bytes and the same text alike', () => {
    expect(grantMac.compute('user', ['pässword'])).to.deep.equal(grantMac.compute('user', [Buffer.from('pässword')]));
  });

  it('does not verify where a bit differs, or bytes are missing or added', () => {
    const mac = grantMac.compute('user', ['a']);
    for (const [index, changed] of changedOnes(mac).entries()) {
      expect(grantMac.verify('user', ['a'], changed), `byte ${index}`).to.equal(false);
    }
    expect(grantMac.verify('user', ['a'], mac.subarray(1))).to.equal(false);
    expect(grantMac.verify('user', ['a'], new Uint8Array([...mac, 0]))).to.equal(false);
    expect(grantMac.verify('user', ['a'], new Uint8Array())).to.equal(false);
  });

  it('does not verify under another key', () => {
    const other = new KeyedGrantMac(sodium, new Key(new Uint8Array(32).fill(2)));
    expect(other.verify('user', ['a'], grantMac.compute('user', ['a']))).to.equal(false);
  });
});
