import { expect } from 'chai';
import { RandomPool } from '../../src/encryption/random.ts';
import { loadSodium } from '../../src/encryption/sodium.ts';
import { WorkspaceKeys } from '../../src/encryption/workspace-keys.ts';
import type { WorkspaceCipherSource, WrappedWorkspaceKey } from '../../src/vault/workspaces/ports.ts';
import { Secret } from '../../src/vault/secret.ts';
import {
  changedOnes,
  credentialId,
  cutOnes,
  hex,
  newInstance,
  otherWorkspaceId,
  reasonFor,
  workspaceId,
  type Instance,
} from './fixtures.ts';
import { rejectionOf } from '../support/refusals.ts';

const identity = { workspaceId, credentialId, version: 1 };
const secret = new Secret({ api_key: 'a' });

describe('the keys of workspaces', () => {
  it('give ciphers that open what others of the same workspace sealed', async () => {
    const { workspaceKeys, ...rest } = await newInstance();
    const { sealed } = (await workspaceKeys.cipherFor(workspaceId)).seal(identity, secret);
    const restarted = await reopened(rest);
    expect((await restarted.cipherFor(workspaceId)).open(identity, sealed).expose()).to.deep.equal({ api_key: 'a' });
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
    expect(await reasonFor(workspaceKeys.cipherFor(workspaceId))).to.equal('key_missing');
    expect(store.keys).to.deep.equal([]);
  });

  it('are found once the store has them, also after a refusal', async () => {
    const { workspaceKeys, store } = await newInstance();
    const { keys } = store;
    store.keys = [];
    await rejectionOf(workspaceKeys.cipherFor(workspaceId));
    store.keys = keys;
    expect((await workspaceKeys.cipherFor(workspaceId)).seal(identity, secret).sealed).to.have.lengthOf(145);
  });

  it('refuse a wrapped key that was changed in any byte, cut off, or moved from another workspace', async () => {
    const { workspaceKeys, store } = await newInstance();
    const [own, other] = [keyOf(store.keys, workspaceId), keyOf(store.keys, otherWorkspaceId)];
    const { wrapped, keyId } = own;
    const damaged = [...changedOnes(wrapped), ...cutOnes(wrapped), new Uint8Array([...wrapped, 0]), other.wrapped];
    for (const bytes of damaged) {
      store.keys = [{ ...own, wrapped: bytes }];
      expect(await reasonFor(workspaceKeys.cipherFor(workspaceId))).to.equal('workspace_key_invalid');
    }
    for (const bytes of [...changedOnes(keyId), other.keyId]) {
      store.keys = [{ ...own, keyId: bytes }];
      expect(await reasonFor(workspaceKeys.cipherFor(workspaceId))).to.equal('workspace_key_invalid');
    }
    store.keys = [{ ...other, workspaceId }];
    expect(await reasonFor(workspaceKeys.cipherFor(workspaceId))).to.equal('workspace_key_invalid');
  });

  it('refuse a genuine box with a key that does not match its id', async () => {
    const { workspaceKeys, keyring, store } = await newInstance();
    const [own, other] = [keyOf(store.keys, workspaceId), keyOf(store.keys, otherWorkspaceId)];
    const { key } = keyring.unwrapWorkspaceKey(other);
    store.keys = [{ ...own, wrapped: keyring.wrapWorkspaceKey(workspaceId, { keyId: own.keyId, key }) }];
    expect(await reasonFor(workspaceKeys.cipherFor(workspaceId))).to.equal('workspace_key_invalid');
  });

  it('distinguish a key that another master key wrapped from one that was tampered with', async () => {
    const [{ workspaceKeys }, { store }] = [await newInstance(), await newInstance()];
    const other = await newInstance();
    other.store.keys = [...store.keys];
    expect(await reasonFor(other.workspaceKeys.cipherFor(workspaceId))).to.equal('master_key_wrong');
    expect((await workspaceKeys.cipherFor(workspaceId)).seal(identity, secret).sealed).to.have.lengthOf(145);
  });

  it('never fall back to an older key where the newest does not unwrap', async () => {
    const { workspaceKeys, store } = await newInstance();
    const newest = workspaceKeys.newWorkspaceKey(workspaceId);
    store.keys = [{ ...newest, wrapped: newest.wrapped.with(72, 0xff ^ (newest.wrapped[72] ?? 0)) }, ...store.keys];
    expect(await reasonFor(workspaceKeys.cipherFor(workspaceId))).to.equal('workspace_key_invalid');
  });

  it('seal with the newest and open with all', async () => {
    const { workspaceKeys, store, ...rest } = await newInstance();
    const { sealed } = (await workspaceKeys.cipherFor(workspaceId)).seal(identity, secret);
    const newest = workspaceKeys.newWorkspaceKey(workspaceId);
    store.keys = [newest, ...store.keys];
    const cipher = await (await reopened({ store, ...rest })).cipherFor(workspaceId);
    expect(hex(cipher.seal(identity, secret).keyId)).to.equal(hex(newest.keyId));
    expect(cipher.open(identity, sealed).expose()).to.deep.equal({ api_key: 'a' });
  });
});

/** The keys of the same instance as another process would have them. */
async function reopened({ store, keyring, clock }: Omit<Instance, 'workspaceKeys'>): Promise<WorkspaceCipherSource> {
  return new WorkspaceKeys({ sodium: await loadSodium(), random: new RandomPool(), clock, store, keyring });
}

function keyOf(keys: readonly WrappedWorkspaceKey[], id: string): WrappedWorkspaceKey {
  const found = keys.find((key) => key.workspaceId === id);
  if (!found) throw new Error('the workspace has no key');
  return found;
}
