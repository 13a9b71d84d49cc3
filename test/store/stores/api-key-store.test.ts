import { expect } from 'chai';
import { DatabaseFailure } from '../../../src/store/postgres/connect/database-failure.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import type { ApiKey, UsedApiKey, User } from '../../../src/vault/identity/identity.ts';
import {
  addWorkspace,
  createdAt,
  newApiKey,
  newEvent,
  newId,
  newUser,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

const nameHash = Buffer.alloc(32, 5);

describe('the API key store', () => {
  let test: TestStores;
  let owner: User;
  let workspaceId: string;
  let otherWorkspaceId: string;

  before(async () => {
    test = await openTestStores();
    const { workspace, owner: first } = await setUpInstance(test);
    owner = first;
    workspaceId = workspace.id;
    otherWorkspaceId = (await addWorkspace(test, owner)).id;
  });

  beforeEach(async () => {
    await test.empty('api_key, audit_event');
  });

  after(async () => {
    await test.close();
  });

  async function add(changes: Partial<ApiKey> = {}): Promise<UsedApiKey> {
    const apiKey = newApiKey(owner, changes);
    await test.stores.apiKeys.createApiKey(apiKey, newEvent({ action: 'api_keys.create' }));
    return { ...apiKey, lastUsedAt: null };
  }

  const find = (id: string, workspace = workspaceId) => test.stores.apiKeys.findApiKeyById(workspace, id, patience);
  const list = (page: { size: number; after?: string }) =>
    test.stores.apiKeys.listApiKeys({ workspaceId, shows: () => true, signal: patience, ...page });
  const record = (...uses: readonly (readonly [id: string, lastUsedAt: Date])[]) =>
    test.stores.apiKeys.recordUses(uses.map(([id, lastUsedAt]) => ({ id, lastUsedAt })));
  const eventCount = async () => (await test.asSuperuser('select 1 from audit_event')).length;

  it('keeps every member as it was, with the event', async () => {
    const apiKey = await add({ role: null, dialect: 'scale', expiresAt: createdAt, mayReveal: false });
    expect(await find(apiKey.id)).to.deep.equal(apiKey);
    expect(await eventCount()).to.equal(1);
  });

  it('refuses a token that exists, and writes no event', async () => {
    const { hash } = await add();
    const refused = await rejectionOf(add({ hash }));
    expect(refused).to.be.instanceOf(DatabaseFailure).with.property('constraint', 'api_key_hash_unique');
    expect(await eventCount()).to.equal(1);
  });

  const revokeNow = (id: string, revokedAt = createdAt) =>
    test.stores.apiKeys.revokeApiKey({ workspaceId, id, revokedAt, event: newEvent() });
  const found = async () => (await test.stores.access.findApiKey(nameHash, patience))?.apiKey.id;

  describe('of a name in a certificate', () => {
    const name = 'URI:spiffe://example.org/billing';
    const named = (changes: Partial<ApiKey> = {}) => add({ prefix: name, hash: nameHash, ...changes });

    it('refuses a second one, in whatever workspace, and writes no event', async () => {
      await named();
      for (const workspace of [workspaceId, otherWorkspaceId]) {
        const refused = await rejectionOf(named({ workspaceId: workspace }));
        expect(refused).to.be.instanceOf(VaultError).with.property('code', 'name_taken');
      }
      expect(await eventCount()).to.equal(1);
    });

    it('takes another one when the first was revoked, and finds the valid one', async () => {
      const first = await named();
      await revokeNow(first.id);
      expect(await found()).to.equal(first.id);
      const second = await named();
      expect(await found()).to.equal(second.id);
      const key = await test.stores.access.findApiKey(nameHash, patience);
      expect(key?.access.memberships.map((membership) => membership.workspaceId)).to.have.members([
        workspaceId,
        otherWorkspaceId,
      ]);
    });

    it('finds the one that was revoked last where none lives', async () => {
      const first = await named();
      await revokeNow(first.id, new Date(createdAt.getTime() - 1));
      const second = await named();
      await revokeNow(second.id);
      expect(await found()).to.equal(second.id);
    });

    it('does not let a database writer take a revocation back', async () => {
      const first = await named();
      await revokeNow(first.id);
      await test.asSuperuser('update api_key set revoked_at = null');
      expect(await found()).to.equal(undefined);
    });
  });

  it('adds the user on whose behalf a key acts, once, unless there already', async () => {
    const stranger = newUser(workspaceId, { name: 'alice' });
    const issued = [newApiKey(stranger, { workspaceId }), newApiKey(stranger, { workspaceId })];
    for (const apiKey of issued) await test.stores.apiKeys.createApiKey(apiKey, newEvent(), stranger);
    for (const { hash } of issued) {
      const key = await test.stores.access.findApiKey(hash, patience);
      expect(key?.access).to.deep.equal({ user: stranger, memberships: [] });
    }
  });

  it('lists the keys of a workspace in the order of creation, and continues behind an id', async () => {
    await add({ workspaceId: otherWorkspaceId });
    const apiKeys = [await add(), await add(), await add()];
    expect(await list({ size: 10 })).to.deep.equal(apiKeys);
    expect(await list({ size: 1 })).to.deep.equal(apiKeys.slice(0, 1));
    expect(await list({ size: 10, after: apiKeys[0]?.id ?? '' })).to.deep.equal(apiKeys.slice(1));
  });

  it('fills a page up where keys of it fail their MAC, so that a short page is the last one', async () => {
    const apiKeys: ApiKey[] = [];
    for (let index = 0; index < 9; index += 1) apiKeys.push(await add());
    const tampered = apiKeys.filter((_, index) => index < 3 || index === 5).map(({ id }) => id);
    await test.asSuperuser(`update api_key set role = 'ADMIN' where id = any ($1)`, [tampered]);
    const sound = apiKeys.filter(({ id }) => !tampered.includes(id));
    expect(await list({ size: 2 })).to.deep.equal(sound.slice(0, 2));
    expect(await list({ size: 2, after: sound[1]?.id ?? '' })).to.deep.equal(sound.slice(2, 4));
    expect(await list({ size: 2, after: sound[3]?.id ?? '' })).to.deep.equal(sound.slice(4));
    expect(await list({ size: 5 })).to.deep.equal(sound);
  });

  it('shows what follows more tampered keys than are read at a time', async () => {
    const first = await add();
    await test.asSuperuser(
      `insert into api_key
       select gen_random_uuid(), workspace_id, user_id, name, sha256(n::text::bytea), prefix, role, may_reveal, dialect,
         expires_at, revoked_at, created_at, mac
       from api_key, generate_series(1, 1500) n`,
    );
    const last = await add({ id: 'ffffffff-ffff-7fff-bfff-ffffffffffff' });
    expect(await list({ size: 2 })).to.deep.equal([first, last]);
    expect(await list({ size: 1, after: first.id })).to.deep.equal([last]);
    expect(await list({ size: 1, after: last.id })).to.deep.equal([]);
  });

  it('finds no key of another workspace, and revokes none', async () => {
    const { id } = await add({ workspaceId: otherWorkspaceId });
    expect(await find(id)).to.equal(undefined);
    const revocation = { workspaceId, id, revokedAt: createdAt, event: newEvent() };
    expect(await test.stores.apiKeys.revokeApiKey(revocation)).to.equal(false);
    expect((await find(id, otherWorkspaceId))?.revokedAt).to.equal(null);
    expect(await eventCount()).to.equal(1);
  });

  it('revokes once: the first time stays, also of two revocations at once', async () => {
    const { id } = await add();
    const revoke = (day: number) =>
      test.stores.apiKeys.revokeApiKey({
        workspaceId,
        id,
        revokedAt: new Date(Date.UTC(2024, 0, day)),
        event: newEvent(),
      });
    expect(await revoke(1)).to.equal(true);
    expect(await Promise.all([revoke(2), revoke(3)])).to.deep.equal([true, true]);
    expect((await find(id))?.revokedAt).to.deep.equal(new Date('2024-01-01'));
  });

  it('answers false for an unknown key', async () => {
    const revocation = { workspaceId, id: newId(), revokedAt: createdAt, event: newEvent() };
    expect(await test.stores.apiKeys.revokeApiKey(revocation)).to.equal(false);
  });

  it('makes no tampered key valid by revoking it, and shows none', async () => {
    const { id } = await add({ role: 'VIEWER' });
    await test.asSuperuser(`update api_key set role = 'ADMIN'`);
    const revocation = { workspaceId, id, revokedAt: createdAt, event: newEvent() };
    expect(await test.stores.apiKeys.revokeApiKey(revocation)).to.equal(false);
    expect(await find(id)).to.equal(undefined);
    expect(await list({ size: 10 })).to.deep.equal([]);
  });

  describe('when uses are recorded', () => {
    const later = new Date(createdAt.getTime() + 1);

    it('shows the last one of each key, by id and in lists, and no other change', async () => {
      const [one, other, unused] = [await add(), await add(), await add()];
      await record([other.id, createdAt], [one.id, later]);
      const used = [{ ...one, lastUsedAt: later }, { ...other, lastUsedAt: createdAt }, unused];
      expect(await list({ size: 10 })).to.deep.equal(used);
      expect(await find(one.id)).to.deep.equal(used[0]);
      expect(await eventCount()).to.equal(3);
    });

    it('goes no way back, and passes over keys that are gone', async () => {
      const { id } = await add();
      await record([id, later]);
      await record([newId(), later], [id, createdAt]);
      expect((await find(id))?.lastUsedAt).to.deep.equal(later);
      await record();
    });

    it('leaves the key valid, whose MAC is not over it', async () => {
      const { hash, id } = await add();
      await record([id, later]);
      expect((await test.stores.access.findApiKey(hash, patience))?.apiKey.id).to.equal(id);
    });

    it('waits for another process instead of deadlocking', async () => {
      const keys = await Promise.all(Array.from({ length: 100 }, () => add()));
      const forwards = keys.map(({ id }) => [id, later] as const);
      const processes = [test.stores, test.newStores(), test.newStores()];
      await Promise.all(
        processes.map(async ({ apiKeys }, index) => {
          for (let round = 1; round <= 10; round += 1) {
            const uses = forwards.map(([id]) => ({ id, lastUsedAt: new Date(later.getTime() + round * 3 + index) }));
            await apiKeys.recordUses(index === 1 ? uses.toReversed() : uses);
          }
        }),
      );
      const last = new Date(later.getTime() + 32);
      expect((await list({ size: 100 })).map(({ lastUsedAt }) => lastUsedAt)).to.deep.equal(keys.map(() => last));
    });
  });
});
