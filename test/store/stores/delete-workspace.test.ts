import { expect } from 'chai';
import { VaultError } from '../../../src/vault/errors.ts';
import type { ApiKey, User } from '../../../src/vault/identity/identity.ts';
import type { Workspace } from '../../../src/vault/workspaces/ports.ts';
import {
  addCredential,
  addWorkspace,
  createdAt,
  newApiKey,
  newCredential,
  newEvent,
  newId,
  newUser,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

const deletedAt = new Date('2024-02-01T00:00:00.456Z');

describe('deleting a workspace in the database', () => {
  let test: TestStores;
  let owner: User;
  let first: Workspace;
  let doomed: Workspace;
  let other: Workspace;

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
    ({ owner, workspace: first } = await setUpInstance(test));
    doomed = await addWorkspace(test, owner);
    other = await addWorkspace(test, owner);
  });

  after(async () => {
    await test.close();
  });

  const remove = (workspaceId = doomed.id, stores = test.stores) =>
    stores.workspaces.deleteWorkspace({
      workspaceId,
      deletedAt,
      event: newEvent({ action: 'workspaces.delete', resourceId: workspaceId }),
    });

  async function issue(workspace: Workspace, changes: Partial<ApiKey> = {}): Promise<ApiKey> {
    const key = newApiKey(owner, { workspaceId: workspace.id, ...changes });
    await test.stores.apiKeys.createApiKey(key, newEvent());
    return key;
  }

  const revocationOf = async (key: ApiKey) =>
    (await test.stores.access.findApiKey(key.hash, patience))?.apiKey.revokedAt;

  const count = async (table: string, workspace: Workspace) => {
    const [row] = await test.asSuperuser<{ count: number }>(
      `select count(*)::int as count from ${table} where workspace_id = $1`,
      [workspace.id],
    );
    return row?.count;
  };

  const events = async () => test.asSuperuser(`select resource_id from audit_event where action = 'workspaces.delete'`);

  async function purge(workspaceId = doomed.id): Promise<number> {
    let rounds = 1;
    while (await test.stores.purge.purgeSome(workspaceId)) rounds += 1;
    return rounds;
  }

  it('destroys its keys and leaves those of others', async () => {
    expect(await remove()).to.equal('done');
    expect(await test.stores.keys.findWorkspaceKeys(doomed.id)).to.deep.equal([]);
    expect(await test.stores.keys.findWorkspaceKeys(other.id)).to.have.length(1);
    expect([await count('workspace_key', doomed), await count('workspace_key', first)]).to.deep.equal([0, 1]);
  });

  it('answers it as absent from then on, also to another deletion', async () => {
    await remove();
    expect(await test.stores.workspaces.findWorkspace({ id: doomed.id }, patience)).to.equal(undefined);
    const listed = await test.stores.workspaces.listWorkspaces({ size: 10, signal: patience });
    expect(listed).to.deep.equal([first, other]);
    expect(await remove()).to.equal('absent');
    expect(await remove(newId())).to.equal('absent');
  });

  it('writes one event, and none where nothing was deleted', async () => {
    await remove(first.id);
    await remove(newId());
    expect(await events()).to.deep.equal([]);
    await remove();
    await remove();
    expect(await events()).to.deep.equal([{ resource_id: doomed.id }]);
  });

  it('revokes its API keys, however many, with sound MACs, and no others', async () => {
    const key = await issue(doomed);
    const elsewhere = await issue(other);
    const revoked = await issue(doomed);
    const event = newEvent();
    await test.stores.apiKeys.revokeApiKey({ workspaceId: doomed.id, id: revoked.id, revokedAt: createdAt, event });
    const many = await Promise.all(Array.from({ length: 250 }, () => issue(doomed)));
    await remove();
    expect(await revocationOf(key)).to.deep.equal(deletedAt);
    expect(await revocationOf(revoked)).to.deep.equal(createdAt);
    expect(await revocationOf(elsewhere)).to.equal(null);
    for (const one of [many[0], many[199], many[200], many[249]]) {
      expect(one && (await revocationOf(one))).to.deep.equal(deletedAt);
    }
    const [valid] = await test.asSuperuser(
      'select count(*)::int as count from api_key where workspace_id = $1 and revoked_at is null',
      [doomed.id],
    );
    expect(valid).to.deep.equal({ count: 0 });
    expect(test.log.lines).to.deep.equal([]);
  });

  it('leaves the name in a certificate to others', async () => {
    const name = { prefix: 'DNS:billing.example.org', hash: Buffer.alloc(32, 7) };
    await issue(doomed, name);
    await remove();
    await issue(other, name);
    const found = await test.stores.access.findApiKey(name.hash, patience);
    expect(found?.apiKey).to.include({ workspaceId: other.id, revokedAt: null });
  });

  it('does not make a key valid that was tampered with', async () => {
    const key = await issue(doomed);
    await test.asSuperuser('update api_key set role = $1 where id = $2', ['ADMIN', key.id]);
    await remove();
    expect(await test.stores.access.findApiKey(key.hash, patience)).to.equal(undefined);
  });

  it('ends its memberships, and no others', async () => {
    const personal = newApiKey(owner, { role: null });
    await test.stores.apiKeys.createApiKey(personal, newEvent());
    await remove();
    const found = await test.stores.access.findApiKey(personal.hash, patience);
    expect(found?.access.memberships.map(({ workspaceId }) => workspaceId)).to.have.members([first.id, other.id]);
  });

  it('gives users whose default workspace it was the one of the instance, with sound MACs', async () => {
    const user = newUser(doomed.id, { passwordHash: '$argon2id$1', name: 'one' });
    const spoilt = newUser(doomed.id, { passwordHash: '$argon2id$1', name: 'spoilt' });
    const elsewhere = newUser(other.id, { passwordHash: '$argon2id$1', name: 'elsewhere' });
    for (const one of [user, spoilt, elsewhere]) await test.stores.users.createUser(one, newEvent());
    await test.asSuperuser('update "user" set is_owner = true where id = $1', [spoilt.id]);
    await remove();
    const find = (one: User) => test.stores.users.findUser({ id: one.id }, patience);
    expect(await find(user)).to.deep.equal({ ...user, defaultWorkspaceId: first.id });
    expect(await find(elsewhere)).to.deep.equal(elsewhere);
    expect(await find(spoilt)).to.equal(undefined);
  });

  it('does not take the default workspace of the instance, which is the first sound owner’s', async () => {
    const second = newUser(doomed.id, { isOwner: true, passwordHash: '$argon2id$1', name: 'second' });
    await test.stores.users.createUser(second, newEvent());
    expect(await remove(first.id)).to.equal('default');
    expect(await test.stores.workspaces.findWorkspace({ id: first.id }, patience)).to.deep.equal(first);
    const deactivation = { userId: owner.id, deactivatedAt: createdAt, event: newEvent(), eventOf: () => newEvent() };
    await test.stores.users.deactivateUser(deactivation);
    expect(await remove(doomed.id)).to.equal('default');
    expect(await remove(first.id)).to.equal('done');
    expect(await test.stores.users.findUser({ id: owner.id }, patience)).to.include({
      defaultWorkspaceId: doomed.id,
    });
  });

  it('lets nothing be granted in it any more', async () => {
    await remove();
    const { id: workspaceId } = doomed;
    const membership = { workspaceId, userId: owner.id, role: 'VIEWER', mayReveal: false } as const;
    for (const granting of [
      issue(doomed),
      test.stores.members.setMember(membership, newEvent()),
      test.stores.users.createUser(newUser(workspaceId, { passwordHash: '$argon2id$1' }), newEvent()),
    ]) {
      expect(await rejectionOf(granting))
        .to.be.instanceOf(VaultError)
        .with.property('code', 'not_found');
    }
  });

  it('is as if each came after the other, where another process grants something at the same time', async () => {
    const process = test.newStores();
    for (let round = 0; round < 10; round += 1) {
      const workspace = await addWorkspace(test, owner);
      const keys = Array.from({ length: 4 }, () => newApiKey(owner, { workspaceId: workspace.id }));
      const user = newUser(first.id, { name: `member ${round}` });
      await test.stores.apiKeys.createApiKey(newApiKey(user), newEvent(), user);
      const membership = { workspaceId: workspace.id, userId: user.id, role: 'VIEWER', mayReveal: false } as const;
      const [deletion] = await Promise.all([
        remove(workspace.id),
        rejectionOf(process.members.setMember(membership, newEvent())),
        ...keys.map((key) => rejectionOf(process.apiKeys.createApiKey(key, newEvent()))),
      ]);
      expect(deletion).to.equal('done');
      const valid = await test.asSuperuser(
        `select 1 from membership where workspace_id = $1
         union all select 1 from api_key where workspace_id = $1 and revoked_at is null`,
        [workspace.id],
      );
      expect(valid).to.deep.equal([]);
    }
  });

  it('leaves its credentials for later, which are then deleted some at a time, and those of others stay', async () => {
    const ids = Array.from({ length: 2_300 }, () => newId());
    await test.asSuperuser(
      `insert into credential (workspace_id, id, name, provider, auth_type, tags, labels, is_active, use_count,
         current_version, revision, origin, created_by, created_at, updated_at)
       select $1, id, 'n', 'p', 'api_key', '{}', '{}', true, 0, 1, 1, 'coffer', $2, $3, $3 from unnest($4::uuid[]) as id`,
      [doomed.id, owner.id, createdAt, ids],
    );
    await test.asSuperuser(
      `insert into credential_version (workspace_id, credential_id, version, sealed, key_id, created_by, created_at)
       select $1, id, 1, '\\x00', '\\x00', $2, $3 from unnest($4::uuid[]) as id`,
      [doomed.id, owner.id, createdAt, ids],
    );
    await test.asSuperuser(
      `insert into idempotency (workspace_id, key, salt, request_hash, answer, created_at, mac)
       select w, 'k', '', '', 'a', now(), '' from unnest($1::uuid[]) as w`,
      [[doomed.id, other.id]],
    );
    await addCredential(test, newCredential(other.id));
    await remove();
    expect(await count('credential', doomed)).to.equal(2_300);
    expect(await purge()).to.be.greaterThan(3);
    expect([await count('credential', doomed), await count('credential_version', doomed)]).to.deep.equal([0, 0]);
    expect([await count('credential', other), await count('credential_version', other)]).to.deep.equal([1, 1]);
    expect([await count('idempotency', doomed), await count('idempotency', other)]).to.deep.equal([0, 1]);
    expect(await purge()).to.equal(1);
  });

  it('is purged when nothing is left, and then no longer looked at', async () => {
    await addCredential(test, newCredential(doomed.id));
    await remove();
    await test.stores.purge.endPurge(doomed.id, deletedAt);
    expect(await test.stores.purge.findUnpurged()).to.deep.equal([{ id: doomed.id, deletedAt }]);
    await purge();
    await test.stores.purge.endPurge(doomed.id, deletedAt);
    expect(await test.stores.purge.findUnpurged()).to.deep.equal([]);
  });

  it('is not touched by the purge where keys are there, whatever was written into its row', async () => {
    await addCredential(test, newCredential(other.id));
    await test.asSuperuser('update workspace set deleted_at = now() where id = $1', [other.id]);
    await purge(other.id);
    await test.stores.purge.endPurge(other.id, deletedAt);
    expect(await count('credential', other)).to.equal(1);
    expect((await test.stores.purge.findUnpurged()).map(({ id }) => id)).to.deep.equal([other.id]);
  });

  it('is purged by one process at a time', async () => {
    await addCredential(test, newCredential(doomed.id));
    await remove();
    await test.asSuperuser('begin');
    await test.asSuperuser('select pg_advisory_xact_lock(1668245106, 5)');
    expect(await test.stores.purge.purgeSome(doomed.id)).to.equal(false);
    expect(await count('credential', doomed)).to.equal(1);
    await test.asSuperuser('commit');
    await purge();
    expect(await count('credential', doomed)).to.equal(0);
  });

  it('is the only way for the server to delete anything of a tenant', async () => {
    await addCredential(test, newCredential(other.id));
    for (const table of ['credential_version', 'credential', 'workspace_key']) {
      await test.database.transact({ workspaces: [other.id] }, (transaction) =>
        transaction.run({ name: '', text: `delete from ${table}`, values: [] }),
      );
      expect(await count(table, other), table).to.equal(1);
    }
  });
});
