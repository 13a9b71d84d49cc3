import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { SqlKeyringStore } from '../../../src/store/stores/key-store.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import type { StoredKeyring } from '../../../src/vault/workspaces/ports.ts';
import {
  createdAt,
  newEvent,
  newId,
  newUser,
  newWorkspace,
  newWorkspaceKey,
  openTestStores,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

describe('the key store', () => {
  let test: TestStores;

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
  });

  after(async () => {
    await test.close();
  });

  it('keeps one keyring, as it was', async () => {
    const store = new SqlKeyringStore(test.database);
    expect(await store.findKeyring()).to.equal(undefined);
    const keyring = newKeyring();
    await store.insertKeyring(keyring);
    expect(await store.findKeyring()).to.deep.equal(keyring);
    expect(await rejectionOf(store.insertKeyring(newKeyring()))).to.have.property('constraint', 'keyring_pkey');
    expect(await test.stores.keys.findKeyring()).to.deep.equal(keyring);
  });

  it('knows whether there are data', async () => {
    const store = new SqlKeyringStore(test.database);
    expect(await store.holdsData()).to.equal(false);
    await store.insertKeyring(newKeyring());
    expect(await store.holdsData()).to.equal(false);
    await test.asSuperuser(`insert into workspace (id, name, created_by, created_at) values ($1, '', $1, now())`, [
      newId(),
    ]);
    expect(await store.holdsData()).to.equal(true);
  });

  it('finds the keys of only that workspace, the newest first', async () => {
    const { owner } = await setUpInstance(test);
    const workspace = newWorkspace();
    const maker = { workspaceId: workspace.id, userId: owner.id, role: 'ADMIN', mayReveal: true } as const;
    const key = newWorkspaceKey(workspace.id);
    await test.stores.workspaces.createWorkspace({ workspace, key, maker, event: newEvent() });
    expect(await test.stores.keys.findWorkspaceKeys(workspace.id)).to.deep.equal([key]);
    expect(await test.stores.keys.findWorkspaceKeys(newId())).to.deep.equal([]);
  });

  for (const forgery of [
    `wrapped = '\\x00'`,
    `created_at = created_at + interval '1 day'`,
    `key_id = '\\x0102030405060708'`,
    `master_fingerprint = 'another'`,
  ]) {
    it(`refuses the keys of a workspace, and reports the one, after: ${forgery}`, async () => {
      const { workspace } = await setUpInstance(test);
      // As a superuser may, past the constraint on master keys.
      await test.asSuperuser(
        `set session_replication_role = replica; update workspace_key set ${forgery}; reset session_replication_role`,
      );
      await expectRefused(workspace.id);
      expect(test.log.lines.map(({ level, fields }) => [level, fields['table']])).to.deep.equal([
        ['error', 'workspace_key'],
      ]);
    });
  }

  it('does not fall back to an older key where the newest one was tampered with, or one was added', async () => {
    const { workspace } = await setUpInstance(test);
    const columns = 'workspace_id, wrapped, master_fingerprint, mac';
    await test.asSuperuser(
      `insert into workspace_key (${columns}, key_id, created_at)
       select ${columns}, '\\x0102030405060708', created_at + interval '1 day' from workspace_key`,
    );
    await expectRefused(workspace.id);
  });

  it('refuses a key that was copied from another workspace', async () => {
    const { owner } = await setUpInstance(test);
    const other = newWorkspace();
    await test.asSuperuser('insert into workspace (id, name, created_by, created_at) values ($1, $2, $3, $4)', [
      other.id,
      other.name,
      newUser(owner.defaultWorkspaceId).id,
      createdAt,
    ]);
    await test.asSuperuser(
      `insert into workspace_key (workspace_id, key_id, wrapped, master_fingerprint, created_at, mac)
       select $1, key_id, wrapped, master_fingerprint, created_at, mac from workspace_key`,
      [other.id],
    );
    await expectRefused(other.id);
  });

  async function expectRefused(workspaceId: string): Promise<void> {
    const refused = await rejectionOf(test.stores.keys.findWorkspaceKeys(workspaceId));
    expect(refused).to.be.instanceOf(VaultError).with.property('code', 'secret_unreadable');
    expect(refused).to.have.nested.property('cause.message').that.includes('fails its MAC');
  }
});

function newKeyring(): StoredKeyring {
  return {
    instanceId: newId(),
    derivation: 'argon2id',
    salt: randomBytes(16),
    masterFingerprint: '3f9a000000000000',
    canary: randomBytes(64),
    wrappedKeys: randomBytes(136),
    wrappedMaster: 'vault:v1:d3JhcHBlZA==',
    createdAt,
  };
}
