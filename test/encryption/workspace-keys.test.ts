import { expect } from 'chai';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { KeyWrapping } from '../../src/encryption/keyring.ts';
import { RandomPool } from '../../src/encryption/random.ts';
import { loadSodium } from '../../src/encryption/sodium.ts';
import { WorkspaceKeys } from '../../src/encryption/workspace-keys.ts';
import { Secret } from '../../src/vault/secret.ts';
import type { SealerSource, WrappedWorkspaceKey } from '../../src/vault/ports.ts';
import {
  changedOnes,
  credentialId,
  cutOnes,
  hex,
  newInstance,
  otherWorkspaceId,
  reasonOf,
  refusalOf,
  rejectionOf,
  workspaceId,
  type Instance,
} from './fixtures.ts';

const identity = { workspaceId, credentialId, version: 1 };
const otherIdentity = { ...identity, workspaceId: otherWorkspaceId };
const secret = new Secret({ api_key: 'a' });

describe('the keys of workspaces', () => {
  it('give sealers that open what others of the same workspace sealed', async () => {
    const { workspaceKeys, ...rest } = await newInstance();
    const { sealed } = (await workspaceKeys.sealerOf(workspaceId)).seal(identity, secret);
    const restarted = await reopened(rest);
    expect((await restarted.sealerOf(workspaceId)).open(identity, sealed).expose()).to.deep.equal({ api_key: 'a' });
  });

  it('are new for each workspace, and are stored wrapped', async () => {
    const { workspaceKeys, keyring, clock } = await newInstance();
    const [first, second] = [workspaceKeys.newWorkspaceKey(workspaceId), workspaceKeys.newWorkspaceKey(workspaceId)];
    expect(hex(first.keyId)).not.to.equal(hex(second.keyId));
    expect(first.wrapped).to.have.lengthOf(73);
    const key = keyring.unwrapWorkspaceKey(first).key.expose();
    expect(Buffer.from(first.wrapped).includes(Buffer.from(key))).to.equal(false);
    expect(first).to.deep.include({ masterFingerprint: keyring.masterFingerprint, createdAt: clock.now() });
  });

  it('refuse a workspace that has none, and make none', async () => {
    const { workspaceKeys, store } = await newInstance();
    store.keys = [];
    expect(await reasonFor(workspaceKeys.sealerOf(workspaceId))).to.equal('key_missing');
    expect(store.keys).to.deep.equal([]);
  });

  it('are found once the store has them, also after a refusal', async () => {
    const { workspaceKeys, store } = await newInstance();
    const { keys } = store;
    store.keys = [];
    await rejectionOf(workspaceKeys.sealerOf(workspaceId));
    store.keys = keys;
    expect((await workspaceKeys.sealerOf(workspaceId)).seal(identity, secret).sealed).to.have.lengthOf(145);
  });

  it('refuse a wrapped key that was changed in any byte, cut off, or moved from another workspace', async () => {
    const { workspaceKeys, store } = await newInstance();
    const [own, other] = [keyOf(store.keys, workspaceId), keyOf(store.keys, otherWorkspaceId)];
    const { wrapped, keyId } = own;
    const damaged = [...changedOnes(wrapped), ...cutOnes(wrapped), new Uint8Array([...wrapped, 0]), other.wrapped];
    for (const bytes of damaged) {
      store.keys = [{ ...own, wrapped: bytes }];
      expect(await reasonFor(workspaceKeys.sealerOf(workspaceId))).to.equal('workspace_key_invalid');
    }
    for (const bytes of [...changedOnes(keyId), other.keyId]) {
      store.keys = [{ ...own, keyId: bytes }];
      expect(await reasonFor(workspaceKeys.sealerOf(workspaceId))).to.equal('workspace_key_invalid');
    }
    store.keys = [{ ...other, workspaceId }];
    expect(await reasonFor(workspaceKeys.sealerOf(workspaceId))).to.equal('workspace_key_invalid');
  });

  it('tell a key that another master key wrapped from one that was tampered with', async () => {
    const [{ workspaceKeys }, { store }] = [await newInstance(), await newInstance()];
    const other = await newInstance();
    other.store.keys = [...store.keys];
    expect(await reasonFor(other.workspaceKeys.sealerOf(workspaceId))).to.equal('master_key_wrong');
    expect((await workspaceKeys.sealerOf(workspaceId)).seal(identity, secret).sealed).to.have.lengthOf(145);
  });

  it('never fall back to an older key where the newest does not unwrap', async () => {
    const { workspaceKeys, store } = await newInstance();
    const newest = workspaceKeys.newWorkspaceKey(workspaceId);
    store.keys = [{ ...newest, wrapped: newest.wrapped.with(72, 0xff ^ (newest.wrapped[72] ?? 0)) }, ...store.keys];
    expect(await reasonFor(workspaceKeys.sealerOf(workspaceId))).to.equal('workspace_key_invalid');
  });

  it('seal with the newest and open with all', async () => {
    const { workspaceKeys, store, ...rest } = await newInstance();
    const { sealed } = (await workspaceKeys.sealerOf(workspaceId)).seal(identity, secret);
    const newest = workspaceKeys.newWorkspaceKey(workspaceId);
    store.keys = [newest, ...store.keys];
    const sealer = await (await reopened({ store, ...rest })).sealerOf(workspaceId);
    expect(hex(sealer.seal(identity, secret).keyId)).to.equal(hex(newest.keyId));
    expect(sealer.open(identity, sealed).expose()).to.deep.equal({ api_key: 'a' });
  });
});

describe('the cache of workspace keys', () => {
  it('asks the store once for calls that come together or later', async () => {
    const { workspaceKeys, store } = await newInstance();
    await Promise.all(Array.from({ length: 10 }, () => workspaceKeys.sealerOf(workspaceId)));
    await workspaceKeys.sealerOf(workspaceId);
    expect(store.asked).to.equal(1);
  });

  it('asks again once the time to live has passed', async () => {
    const { workspaceKeys, store, clock } = await newInstance({ timeToLiveMs: 1000 });
    await workspaceKeys.sealerOf(workspaceId);
    clock.timeMs += 999;
    await workspaceKeys.sealerOf(workspaceId);
    expect(store.asked).to.equal(1);
    clock.timeMs += 1;
    await workspaceKeys.sealerOf(workspaceId);
    expect(store.asked).to.equal(2);
  });

  it('lets the least recently used workspace go', async () => {
    const { workspaceKeys, store } = await newInstance({ workspacesMax: 2 });
    const third = '018cc251-f400-7a00-8000-000000000007';
    store.keys.push(workspaceKeys.newWorkspaceKey(third));
    for (const id of [workspaceId, otherWorkspaceId, workspaceId, third]) await workspaceKeys.sealerOf(id);
    expect(store.asked).to.equal(3);
    await workspaceKeys.sealerOf(workspaceId);
    expect(store.asked).to.equal(3);
    await workspaceKeys.sealerOf(otherWorkspaceId);
    expect(store.asked).to.equal(4);
  });

  it('does not break a sealer that is still held when its keys expire or are evicted', async () => {
    const { workspaceKeys, clock } = await newInstance({ workspacesMax: 1, timeToLiveMs: 1000 });
    const evicted = await workspaceKeys.sealerOf(workspaceId);
    const expired = await workspaceKeys.sealerOf(otherWorkspaceId);
    clock.timeMs += 1000;
    workspaceKeys.dropExpired();
    await collectGarbage();
    expect(evicted.open(identity, evicted.seal(identity, secret).sealed).expose()).to.deep.equal({ api_key: 'a' });
    expect(expired.open(otherIdentity, expired.seal(otherIdentity, secret).sealed).expose()).to.have.all.keys(
      'api_key',
    );
  });

  it('wipes the keys that left it once nobody holds their sealer', async () => {
    const { instance, unwrapped } = await watchedInstance();
    await instance.workspaceKeys.sealerOf(workspaceId);
    instance.clock.timeMs += 1_000_000;
    instance.workspaceKeys.dropExpired();
    expect(unwrapped.map(isZero)).to.deep.equal([false]);
    for (let round = 0; round < 50 && !unwrapped.every(isZero); round++) await collectGarbage();
    expect(unwrapped.map(isZero)).to.deep.equal([true]);
  });

  it('wipes at once what it is told to forget, also under a sealer that is held, and only that', async () => {
    const { instance, unwrapped } = await watchedInstance();
    const forgotten = await instance.workspaceKeys.sealerOf(workspaceId);
    const kept = await instance.workspaceKeys.sealerOf(otherWorkspaceId);
    const { sealed } = forgotten.seal(identity, secret);
    instance.workspaceKeys.forget(workspaceId);
    expect(unwrapped.map(isZero)).to.deep.equal([true, false]);
    expect(refusalOf(() => forgotten.seal(identity, secret))).to.equal('key_wiped');
    expect(refusalOf(() => forgotten.open(identity, sealed))).to.equal('key_wiped');
    expect(kept.seal(otherIdentity, secret).sealed).to.have.lengthOf(145);
  });

  it('wipes what it is told to forget also where it had been evicted before', async () => {
    const { instance, unwrapped } = await watchedInstance({ workspacesMax: 1 });
    const evicted = await instance.workspaceKeys.sealerOf(workspaceId);
    await instance.workspaceKeys.sealerOf(otherWorkspaceId);
    instance.workspaceKeys.forget(workspaceId);
    expect(unwrapped.map(isZero)).to.deep.equal([true, false]);
    expect(refusalOf(() => evicted.seal(identity, secret))).to.equal('key_wiped');
  });

  it('does not keep keys that were being read while they were to be forgotten', async () => {
    const { instance, unwrapped } = await watchedInstance();
    const reading = instance.workspaceKeys.sealerOf(workspaceId);
    instance.workspaceKeys.forget(workspaceId);
    const afresh = instance.workspaceKeys.sealerOf(workspaceId);
    expect(await reasonFor(reading)).to.equal('key_wiped');
    expect((await afresh).seal(identity, secret).sealed).to.have.lengthOf(145);
    expect(instance.store.asked).to.equal(2);
    expect(unwrapped.map(isZero)).to.deep.equal([false]);
  });

  it('wipes everything when closed, and gives out no sealer any more', async () => {
    const { instance, unwrapped } = await watchedInstance({ workspacesMax: 1 });
    const evicted = await instance.workspaceKeys.sealerOf(workspaceId);
    await instance.workspaceKeys.sealerOf(otherWorkspaceId);
    instance.workspaceKeys.close();
    expect(unwrapped.map(isZero)).to.deep.equal([true, true]);
    expect(refusalOf(() => evicted.seal(identity, secret))).to.equal('key_wiped');
    expect(await rejectionOf(instance.workspaceKeys.sealerOf(workspaceId))).to.have.property('code', 'unavailable');
  });

  it('refuses calls that were reading keys when it was closed', async () => {
    const { instance, unwrapped } = await watchedInstance();
    const reading = instance.workspaceKeys.sealerOf(workspaceId);
    instance.workspaceKeys.close();
    expect(await reasonFor(reading)).to.equal('key_wiped');
    expect(unwrapped).to.deep.equal([]);
  });

  it('wipes the keys that it had unwrapped when a later one does not', async () => {
    const { instance, unwrapped } = await watchedInstance();
    const { store, workspaceKeys } = instance;
    const broken = { ...workspaceKeys.newWorkspaceKey(workspaceId), wrapped: new Uint8Array(73) };
    store.keys = [...store.keys, broken];
    expect(await reasonFor(workspaceKeys.sealerOf(workspaceId))).to.equal('workspace_key_invalid');
    expect(unwrapped.map(isZero)).to.deep.equal([true]);
  });

  it('passes on that the store could not answer, and asks again the next time', async () => {
    const { workspaceKeys, store } = await newInstance();
    const find = store.findWorkspaceKeys.bind(store);
    const failures = [() => Promise.reject(new Error('lost')), throwLost];
    for (const fail of failures) {
      store.findWorkspaceKeys = fail;
      const together = [workspaceKeys.sealerOf(workspaceId), workspaceKeys.sealerOf(workspaceId)];
      for (const one of together) expect(await rejectionOf(one)).to.have.property('message', 'lost');
    }
    store.findWorkspaceKeys = find;
    expect((await workspaceKeys.sealerOf(workspaceId)).seal(identity, secret).sealed).to.have.lengthOf(145);
  });
});

function throwLost(): never {
  throw new Error('lost');
}

/** An instance whose unwrapped keys a test can look at. */
async function watchedInstance(
  options: { workspacesMax?: number; timeToLiveMs?: number } = {},
): Promise<{ instance: Instance; unwrapped: Uint8Array[] }> {
  const made = await newInstance();
  const unwrapped: Uint8Array[] = [];
  const keyring: KeyWrapping = {
    masterFingerprint: made.keyring.masterFingerprint,
    wrapWorkspaceKey: (id, workspaceKey) => made.keyring.wrapWorkspaceKey(id, workspaceKey),
    unwrapWorkspaceKey: (wrapped) => {
      const workspaceKey = made.keyring.unwrapWorkspaceKey(wrapped);
      unwrapped.push(workspaceKey.key.expose());
      return workspaceKey;
    },
  };
  const { store, clock } = made;
  const sodium = await loadSodium();
  const workspaceKeys = new WorkspaceKeys({ sodium, random: new RandomPool(), clock, store, keyring, ...options });
  return { instance: { ...made, workspaceKeys }, unwrapped };
}

/** The keys of the same instance as another process would have them. */
async function reopened({ store, keyring, clock }: Omit<Instance, 'workspaceKeys'>): Promise<SealerSource> {
  return new WorkspaceKeys({ sodium: await loadSodium(), random: new RandomPool(), clock, store, keyring });
}

function keyOf(keys: readonly WrappedWorkspaceKey[], id: string): WrappedWorkspaceKey {
  const found = keys.find((key) => key.workspaceId === id);
  if (!found) throw new Error('the workspace has no key');
  return found;
}

async function reasonFor(promise: Promise<unknown>): Promise<string> {
  return reasonOf(await rejectionOf(promise));
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Collects garbage, and lets what waits for it run. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
