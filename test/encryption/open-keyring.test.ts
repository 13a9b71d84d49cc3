import { expect } from 'chai';
import {
  KeyringDamagedError,
  KeyringMissingError,
  WrongMasterKeyError,
  openKeyring,
  type MasterKeySource,
} from '../../src/encryption/open-keyring.ts';
import type { Keyring } from '../../src/encryption/keyring.ts';
import { MasterKey } from '../../src/encryption/master-key.ts';
import { RandomPool } from '../../src/encryption/random.ts';
import { loadSodium } from '../../src/encryption/sodium.ts';
import type { StoredKeyring } from '../../src/vault/workspaces/ports.ts';
import { changedOnes, cutOnes, MemoryKeyStore, StandingClock } from './fixtures.ts';
import { rejectionOf } from '../support/refusals.ts';

const random = new RandomPool();
const key: MasterKeySource = { kind: 'key', key: new Uint8Array(32).fill(1) };
const otherKey: MasterKeySource = { kind: 'key', key: new Uint8Array(32).fill(2) };
const password: MasterKeySource = { kind: 'password', password: 'hunter2 hunter2' };

describe('the keyring', () => {
  it('is made where there is none and no data, and is opened again with the same key', async () => {
    const store = new MemoryKeyStore();
    const made = await open(store, key);
    store.data = true;
    const opened = await open(store, key);
    expect(opened.instanceId).to.equal(made.instanceId);
    expect(opened.masterFingerprint).to.equal(made.masterFingerprint);
    expect(opened.grantMac.verify('user', ['a'], made.grantMac.compute('user', ['a']))).to.equal(true);
  });

  it('is made with a new salt for a password, and opened again with it', async () => {
    const store = new MemoryKeyStore();
    const made = await open(store, password);
    expect(stored(store).derivation).to.equal('argon2id');
    expect(stored(store).salt).to.have.lengthOf(16);
    expect((await open(store, password)).masterFingerprint).to.equal(made.masterFingerprint);
  });

  it('is stored without a key in clear', async () => {
    const store = new MemoryKeyStore();
    await open(store, key);
    const { canary, wrappedKeys, salt } = stored(store);
    for (const bytes of [canary, wrappedKeys, salt])
      expect(Buffer.from(bytes).includes(Buffer.alloc(8, 1))).to.equal(false);
    expect(salt).to.have.lengthOf(0);
  });

  it('is never the same for two instances', async () => {
    const [first, second] = [await open(new MemoryKeyStore(), key), await open(new MemoryKeyStore(), key)];
    expect(first.instanceId).not.to.equal(second.instanceId);
    expect(second.grantMac.verify('user', ['a'], first.grantMac.compute('user', ['a']))).to.equal(false);
  });

  it('is not made where data exist', async () => {
    const store = new MemoryKeyStore();
    store.data = true;
    expect(await rejectionOf(open(store, key))).to.be.instanceOf(KeyringMissingError);
    expect(store.keyring).to.equal(undefined);
  });

  it('refuses the wrong key, and names both by their whole fingerprints', async () => {
    const store = new MemoryKeyStore();
    const needed = (await open(store, key)).masterFingerprint;
    const got = (await open(new MemoryKeyStore(), otherKey)).masterFingerprint;
    const error = await rejectionOf(open(store, otherKey));
    expect(error).to.be.instanceOf(WrongMasterKeyError);
    expect(error).to.have.property('message', `needs key ${needed}; got ${got}`);
    expect(`${needed}${got}`).to.match(/^[0-9a-f]{32}$/);
  });

  it('reports a key that was given for a password', async () => {
    const store = new MemoryKeyStore();
    const needed = (await open(store, password)).masterFingerprint;
    const got = (await open(new MemoryKeyStore(), key)).masterFingerprint;
    const error = await rejectionOf(open(store, key));
    expect(error).to.be.instanceOf(WrongMasterKeyError);
    expect(error)
      .to.have.property('message')
      .that.equals(`needs key ${needed}, derived from a password; got ${got}, given as 32 bytes`);
  });

  it('reports a password that was given for a key, and does not show it', async () => {
    const store = new MemoryKeyStore();
    const needed = (await open(store, key)).masterFingerprint;
    const error = await rejectionOf(open(store, password));
    expect(error).to.be.instanceOf(WrongMasterKeyError);
    expect(error)
      .to.have.property('message')
      .that.equals(`needs key ${needed}, given as 32 bytes; got one, derived from a password`);
  });

  it('refuses a wrong password', async () => {
    const store = new MemoryKeyStore();
    await open(store, password);
    const error = await rejectionOf(open(store, { kind: 'password', password: 'Hunter2 hunter2' }));
    expect(error).to.be.instanceOf(WrongMasterKeyError);
    expect(error)
      .to.have.property('message')
      .that.matches(/^needs key [0-9a-f]{16}; got [0-9a-f]{16}$/);
  });

  it('does not overwrite a keyring that it could not open', async () => {
    const store = new MemoryKeyStore();
    await open(store, key);
    const before = stored(store);
    await rejectionOf(open(store, otherKey));
    expect(store.keyring).to.equal(before);
  });

  it('refuses a keyring of which any byte was changed, cut off or exchanged', async () => {
    const store = new MemoryKeyStore();
    await open(store, key);
    const genuine = stored(store);
    const { canary, wrappedKeys } = genuine;
    for (const bytes of [...changedOnes(canary), ...cutOnes(canary), new Uint8Array([...canary, 0]), wrappedKeys]) {
      store.keyring = { ...genuine, canary: bytes };
      expect(await rejectionOf(open(store, key))).to.be.instanceOf(KeyringDamagedError);
    }
    for (const bytes of [...changedOnes(wrappedKeys), ...cutOnes(wrappedKeys), canary]) {
      store.keyring = { ...genuine, wrappedKeys: bytes };
      expect(await rejectionOf(open(store, key))).to.be.instanceOf(KeyringDamagedError);
    }
    store.keyring = { ...genuine, instanceId: '018cc251-f400-7c00-8000-000000000009' };
    expect(await rejectionOf(open(store, key))).to.be.instanceOf(KeyringDamagedError);
  });

  it('refuses a salt of another length before it derives anything', async () => {
    const store = new MemoryKeyStore();
    await open(store, key);
    store.keyring = { ...stored(store), derivation: 'argon2id' };
    expect(await rejectionOf(open(store, password))).to.be.instanceOf(KeyringDamagedError);
  });

  it('refuses a keyring that requires another key', async () => {
    const store = new MemoryKeyStore();
    await open(store, key);
    store.keyring = { ...stored(store), masterFingerprint: '0'.repeat(16) };
    expect(await rejectionOf(open(store, key))).to.be.instanceOf(WrongMasterKeyError);
  });

  it('passes on that it could not be stored', async () => {
    class FullStore extends MemoryKeyStore {
      override insertKeyring(): Promise<void> {
        return Promise.reject(new Error('disk full'));
      }
    }
    expect(await rejectionOf(open(new FullStore(), key))).to.have.property('message', 'disk full');
  });

  it('computes the same once it is opened again', async () => {
    const store = new MemoryKeyStore();
    const keyring = await open(store, key);
    const mac = keyring.grantMac.compute('user', ['a']);
    const token = keyring.pageTokens.seal('list', 'position');
    const { instanceId, masterFingerprint } = keyring;
    keyring.close();
    for (const use of [() => keyring.instanceId, () => keyring.masterFingerprint, () => keyring.copyMaster()]) {
      expect(use).to.throw('the vault is sealed');
    }
    expect(() => keyring.pageTokens.open('list', token)).to.throw('the vault is sealed');
    const parts = { sodium: await loadSodium(), random, clock: new StandingClock(), store, master: key, keyring };
    expect(await openKeyring(parts)).to.equal(keyring);
    expect(keyring).to.include({ instanceId, masterFingerprint, isOpen: true });
    expect(keyring.grantMac.compute('user', ['a'])).to.deep.equal(mac);
    expect(keyring.pageTokens.open('list', token)).to.equal('position');
  });

  it('wipes the master key that it is given while it is closed', async () => {
    const keyring = await open(new MemoryKeyStore(), key);
    const other = MasterKey.fromBytes(await loadSodium(), new Uint8Array(32));
    keyring.close();
    expect(() => keyring.replaceMaster(other)).to.throw('the vault is sealed');
    expect(() => other.copy()).to.throw('wiped');
  });

  it('computes nothing once closed', async () => {
    const keyring = await open(new MemoryKeyStore(), key);
    keyring.close();
    expect(() => keyring.grantMac.compute('user', [])).to.throw('the vault is sealed');
  });
});

async function open(store: MemoryKeyStore, master: MasterKeySource): Promise<Keyring> {
  return openKeyring({ sodium: await loadSodium(), random, clock: new StandingClock(), store, master });
}

function stored(store: MemoryKeyStore): StoredKeyring {
  if (!store.keyring) throw new Error('no keyring is stored');
  return store.keyring;
}
