import { expect } from 'chai';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Secret } from '../../src/vault/secret.ts';
import {
  credentialId,
  isZero,
  newInstance,
  otherWorkspaceId,
  reasonFor,
  refusalOf,
  watchedInstance,
  workspaceId,
} from './fixtures.ts';
import { rejectionOf } from '../support/refusals.ts';

const identity = { workspaceId, credentialId, version: 1 };
const otherIdentity = { ...identity, workspaceId: otherWorkspaceId };
const secret = new Secret({ api_key: 'a' });

describe('the cache of workspace keys', () => {
  it('asks the store once for calls that come together or later', async () => {
    const { workspaceKeys, store } = await newInstance();
    await Promise.all(Array.from({ length: 10 }, () => workspaceKeys.cipherFor(workspaceId)));
    await workspaceKeys.cipherFor(workspaceId);
    expect(store.asked).to.equal(1);
  });

  it('asks again once the time to live has passed', async () => {
    const { workspaceKeys, store, clock } = await newInstance({ timeToLiveMs: 1000 });
    await workspaceKeys.cipherFor(workspaceId);
    clock.timeMs += 999;
    await workspaceKeys.cipherFor(workspaceId);
    expect(store.asked).to.equal(1);
    clock.timeMs += 1;
    await workspaceKeys.cipherFor(workspaceId);
    expect(store.asked).to.equal(2);
  });

  it('lets the least recently used workspace go', async () => {
    const { workspaceKeys, store } = await newInstance({ workspacesMax: 2 });
    const third = '018cc251-f400-7a00-8000-000000000007';
    store.keys.push(workspaceKeys.newWorkspaceKey(third));
    for (const id of [workspaceId, otherWorkspaceId, workspaceId, third]) await workspaceKeys.cipherFor(id);
    expect(store.asked).to.equal(3);
    await workspaceKeys.cipherFor(workspaceId);
    expect(store.asked).to.equal(3);
    await workspaceKeys.cipherFor(otherWorkspaceId);
    expect(store.asked).to.equal(4);
  });

  it('does not break a cipher that is still held when its keys expire or are evicted', async () => {
    const { workspaceKeys, clock } = await newInstance({ workspacesMax: 1, timeToLiveMs: 1000 });
    const evicted = await workspaceKeys.cipherFor(workspaceId);
    const expired = await workspaceKeys.cipherFor(otherWorkspaceId);
    clock.timeMs += 1000;
    workspaceKeys.dropExpired();
    await collectGarbage();
    expect(evicted.open(identity, evicted.seal(identity, secret).sealed).expose()).to.deep.equal({ api_key: 'a' });
    expect(expired.open(otherIdentity, expired.seal(otherIdentity, secret).sealed).expose()).to.have.all.keys(
      'api_key',
    );
  });

  it('wipes the keys that left it once their cipher is no longer in use', async () => {
    const { instance, unwrapped } = await watchedInstance();
    await instance.workspaceKeys.cipherFor(workspaceId);
    instance.clock.timeMs += 1_000_000;
    instance.workspaceKeys.dropExpired();
    expect(unwrapped.map(isZero)).to.deep.equal([false]);
    for (let round = 0; round < 50 && !unwrapped.every(isZero); round++) await collectGarbage();
    expect(unwrapped.map(isZero)).to.deep.equal([true]);
  });

  it('wipes at once what it must forget, also under a cipher in use, and only that', async () => {
    const { instance, unwrapped } = await watchedInstance();
    const forgotten = await instance.workspaceKeys.cipherFor(workspaceId);
    const kept = await instance.workspaceKeys.cipherFor(otherWorkspaceId);
    const { sealed } = forgotten.seal(identity, secret);
    instance.workspaceKeys.forget(workspaceId);
    expect(unwrapped.map(isZero)).to.deep.equal([true, false]);
    expect(refusalOf(() => forgotten.seal(identity, secret))).to.equal('key_wiped');
    expect(refusalOf(() => forgotten.open(identity, sealed))).to.equal('key_wiped');
    expect(kept.seal(otherIdentity, secret).sealed).to.have.lengthOf(145);
  });

  it('wipes what it must forget also where it had been evicted before', async () => {
    const { instance, unwrapped } = await watchedInstance({ workspacesMax: 1 });
    const evicted = await instance.workspaceKeys.cipherFor(workspaceId);
    await instance.workspaceKeys.cipherFor(otherWorkspaceId);
    instance.workspaceKeys.forget(workspaceId);
    expect(unwrapped.map(isZero)).to.deep.equal([true, false]);
    expect(refusalOf(() => evicted.seal(identity, secret))).to.equal('key_wiped');
  });

  it('does not keep keys that were being read while they were to be forgotten', async () => {
    const { instance, unwrapped } = await watchedInstance();
    const reading = instance.workspaceKeys.cipherFor(workspaceId);
    instance.workspaceKeys.forget(workspaceId);
    const afresh = instance.workspaceKeys.cipherFor(workspaceId);
    expect(await reasonFor(reading)).to.equal('key_wiped');
    expect((await afresh).seal(identity, secret).sealed).to.have.lengthOf(145);
    expect(instance.store.asked).to.equal(2);
    expect(unwrapped.map(isZero)).to.deep.equal([false]);
  });

  it('still shares a reading that began after the forgetting once the forgotten one ends', async () => {
    const { workspaceKeys, store } = await newInstance();
    const keys = await store.findWorkspaceKeys(workspaceId);
    const answers: PromiseWithResolvers<typeof keys>[] = [];
    store.findWorkspaceKeys = () => {
      const answer = Promise.withResolvers<typeof keys>();
      answers.push(answer);
      return answer.promise;
    };
    const forgotten = workspaceKeys.cipherFor(workspaceId);
    workspaceKeys.forget(workspaceId);
    const afresh = workspaceKeys.cipherFor(workspaceId);
    answers[0]?.resolve(keys);
    expect(await reasonFor(forgotten)).to.equal('key_wiped');
    const shared = workspaceKeys.cipherFor(workspaceId);
    answers[1]?.resolve(keys);
    expect(await shared).to.equal(await afresh);
    expect(answers).to.have.lengthOf(2);
  });

  it('wipes everything when sealed, refuses as SEALED, also calls in flight, and opens again once unsealed', async () => {
    const { instance, unwrapped } = await watchedInstance();
    const { keyring, workspaceKeys } = instance;
    const inUse = await workspaceKeys.cipherFor(workspaceId);
    const { sealed } = inUse.seal(identity, secret);
    const reading = workspaceKeys.cipherFor(otherWorkspaceId);
    workspaceKeys.seal();
    expect(unwrapped.map(isZero)).to.deep.equal([true]);
    const isSealed = { code: 'unavailable', details: { reason: 'SEALED' } };
    expect(() => inUse.seal(identity, secret)).to.throw('the vault is sealed');
    expect(() => inUse.open(identity, sealed)).to.throw('the vault is sealed');
    for (const refused of [reading, workspaceKeys.cipherFor(workspaceId)]) {
      expect(await rejectionOf(refused)).to.deep.include(isSealed);
    }
    expect(() => workspaceKeys.newWorkspaceKey(workspaceId)).to.throw('the vault is sealed');
    workspaceKeys.unseal();
    const again = await workspaceKeys.cipherFor(workspaceId);
    expect(again.open(identity, sealed).expose()).to.deep.equal({ api_key: 'a' });
    expect(keyring.isOpen).to.equal(true);
  });

  it('wipes everything when closed, and gives out no cipher any more', async () => {
    const { instance, unwrapped } = await watchedInstance({ workspacesMax: 1 });
    const evicted = await instance.workspaceKeys.cipherFor(workspaceId);
    await instance.workspaceKeys.cipherFor(otherWorkspaceId);
    instance.workspaceKeys.close();
    expect(unwrapped.map(isZero)).to.deep.equal([true, true]);
    expect(refusalOf(() => evicted.seal(identity, secret))).to.equal('key_wiped');
    expect(await rejectionOf(instance.workspaceKeys.cipherFor(workspaceId))).to.have.property('code', 'unavailable');
  });

  it('refuses calls that were reading keys when it was closed', async () => {
    const { instance, unwrapped } = await watchedInstance();
    const reading = instance.workspaceKeys.cipherFor(workspaceId);
    instance.workspaceKeys.close();
    expect(await reasonFor(reading)).to.equal('key_wiped');
    expect(unwrapped).to.deep.equal([]);
  });

  it('wipes the keys that it had unwrapped when a later one does not', async () => {
    const { instance, unwrapped } = await watchedInstance();
    const { store, workspaceKeys } = instance;
    const broken = { ...workspaceKeys.newWorkspaceKey(workspaceId), wrapped: new Uint8Array(73) };
    store.keys = [...store.keys, broken];
    expect(await reasonFor(workspaceKeys.cipherFor(workspaceId))).to.equal('workspace_key_invalid');
    expect(unwrapped.map(isZero)).to.deep.equal([true]);
  });

  it('passes on that the store could not answer, and asks again the next time', async () => {
    const { workspaceKeys, store } = await newInstance();
    const find = store.findWorkspaceKeys.bind(store);
    const failures = [() => Promise.reject(new Error('lost')), throwLost];
    for (const fail of failures) {
      store.findWorkspaceKeys = fail;
      const together = [workspaceKeys.cipherFor(workspaceId), workspaceKeys.cipherFor(workspaceId)];
      for (const one of together) expect(await rejectionOf(one)).to.have.property('message', 'lost');
    }
    store.findWorkspaceKeys = find;
    expect((await workspaceKeys.cipherFor(workspaceId)).seal(identity, secret).sealed).to.have.lengthOf(145);
  });
});

function throwLost(): never {
  throw new Error('lost');
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
