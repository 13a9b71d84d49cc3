import { expect } from 'chai';
import { inspect } from 'node:util';

import { Key } from '../../src/encryption/key.ts';
import { MasterKey } from '../../src/encryption/master-key.ts';
import { loadSodium } from '../../src/encryption/sodium.ts';
import { Secret } from '../../src/vault/secret.ts';
import { newInstance, workspaceId } from './fixtures.ts';

describe('a key', () => {
  it('does not take other than 32 bytes', () => {
    for (const length of [0, 31, 33]) expect(() => new Key(new Uint8Array(length)), `${length}`).to.throw('32 bytes');
  });

  it('overwrites its bytes when wiped', () => {
    const bytes = new Uint8Array(32).fill(7);
    new Key(bytes).wipe();
    expect(bytes).to.deep.equal(new Uint8Array(32));
  });

  it('can not be used once wiped, lest zeros pass for a key', () => {
    const key = new Key(new Uint8Array(32).fill(7));
    key.wipe();
    expect(() => key.expose()).to.throw('wiped');
  });
});

describe('printing', () => {
  const bytes = new Uint8Array(32).fill(0xab);
  const spellings = ['abab', '171, 171', '171,171', Buffer.from(bytes).toString('base64').slice(0, 8), 'hunter2'];

  it('shows neither a key, a master key nor a secret', async () => {
    const master = MasterKey.fromBytes(await loadSodium(), bytes);
    for (const thing of [new Key(bytes), master, new Secret({ password: 'hunter2' })]) {
      for (const printed of printings(thing)) {
        expect(printed).to.match(/\[(key|secret)\]/);
        for (const spelling of spellings) expect(printed).not.to.include(spelling);
      }
    }
  });

  it('shows no key of what holds keys', async () => {
    const { keyring, workspaceKeys } = await newInstance();
    const cipher = await workspaceKeys.cipherFor(workspaceId);
    for (const thing of [keyring, workspaceKeys, cipher, keyring.grantMac]) {
      for (const printed of printings(thing)) expect(printed).not.to.match(/Uint8Array\(32\)|#bytes/);
    }
    keyring.close();
    workspaceKeys.close();
  });
});

function printings(thing: object): string[] {
  return [
    JSON.stringify({ thing }),
    inspect({ thing }, { showHidden: true, depth: null }),
    `${inspect(thing)} ${Object.values(thing).join(' ')}`,
    inspect(new Error('wrapped', { cause: thing })),
  ];
}
