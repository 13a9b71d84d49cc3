import { expect } from 'chai';
import { shortIdOf, type Reference } from '../../../src/vault/ids.ts';
import type { Membership, User } from '../../../src/vault/identity/identity.ts';
import type { Workspace } from '../../../src/vault/workspaces/ports.ts';
import type { Role } from '../../../src/vault/permissions.ts';
import {
  addWorkspace,
  newApiKey,
  newEvent,
  newId,
  newUser,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';

describe('the member store', () => {
  let test: TestStores;
  let owner: User;
  let workspace: Workspace;

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
    ({ owner, workspace } = await setUpInstance(test));
  });

  after(async () => {
    await test.close();
  });

  async function addUser(name = 'user'): Promise<User> {
    const user = newUser(workspace.id, { name });
    await test.stores.apiKeys.createApiKey(newApiKey(user), newEvent(), user);
    return user;
  }

  const membershipOf = (user: User, role: Role, mayReveal = true): Membership => ({
    workspaceId: workspace.id,
    userId: user.id,
    role,
    mayReveal,
  });
  const set = (user: User, role: Role, mayReveal = true) =>
    test.stores.members.setMember(membershipOf(user, role, mayReveal), newEvent({ action: 'members.add' }));
  const remove = (user: User, workspaceId = workspace.id) =>
    test.stores.members.removeMember({ workspaceId, userId: user.id, event: newEvent({ action: 'members.remove' }) });
  const list = (page: { size: number; after?: string }) =>
    test.stores.members.listMembers({ workspaceId: workspace.id, signal: patience, ...page });
  const names = async (page: { size: number; after?: string }) => (await list(page)).map(({ name }) => name);
  const grantsOf = async (user: User) => {
    const key = newApiKey(user, { role: null });
    await test.stores.apiKeys.createApiKey(key, newEvent());
    return (await test.stores.access.findApiKey(key.hash, patience))?.access.memberships;
  };

  it('finds a member by either spelling of the id, and none who is a member elsewhere or tampered with', async () => {
    const user = await addUser('ann');
    await set(user, 'EDITOR');
    const find = (reference: Reference, workspaceId = workspace.id) =>
      test.stores.members.findMember({ workspaceId, reference, signal: patience });
    for (const reference of [{ id: user.id }, { shortId: shortIdOf(user.id) }]) {
      expect(await find(reference)).to.deep.equal({ ...membershipOf(user, 'EDITOR'), name: 'ann' });
      expect(await find(reference, (await addWorkspace(test, owner)).id)).to.equal(undefined);
    }
    expect(await find({ id: newId() })).to.equal(undefined);
    await test.asSuperuser(`update membership set role = 'ADMIN' where user_id = $1`, [user.id]);
    expect(await find({ id: user.id })).to.equal(undefined);
  });

  it('finds a user by either spelling of the id, and none whose MAC is wrong', async () => {
    const user = await addUser();
    for (const reference of [{ id: user.id }, { shortId: shortIdOf(user.id) }]) {
      expect(await test.stores.members.findUser(reference, patience)).to.deep.equal(user);
    }
    expect(await test.stores.members.findUser({ id: newId() }, patience)).to.equal(undefined);
    await test.asSuperuser(`update "user" set is_owner = true where id = $1`, [user.id]);
    expect(await test.stores.members.findUser({ id: user.id }, patience)).to.equal(undefined);
  });

  it('adds a member, who may do what was granted at once, with its event', async () => {
    const user = await addUser();
    const membership = membershipOf(user, 'RUNTIME', false);
    expect(await set(user, 'RUNTIME', false)).to.deep.equal({ kind: 'done', membership });
    expect(await grantsOf(user)).to.deep.equal([membership]);
    expect(await test.asSuperuser(`select 1 from audit_event where action = 'members.add'`)).to.have.length(1);
  });

  it('gives a member another role in place of the former', async () => {
    const user = await addUser();
    await set(user, 'EDITOR');
    await set(user, 'VIEWER', false);
    expect(await grantsOf(user)).to.deep.equal([membershipOf(user, 'VIEWER', false)]);
  });

  it('removes a member, of that workspace only', async () => {
    const user = await addUser();
    const other = await addWorkspace(test, user);
    await set(user, 'EDITOR');
    expect(await remove(user)).to.deep.equal({ kind: 'done', membership: membershipOf(user, 'EDITOR') });
    expect((await grantsOf(user))?.map(({ workspaceId }) => workspaceId)).to.deep.equal([other.id]);
    expect(await remove(user)).to.deep.equal({ kind: 'absent' });
    expect(await test.asSuperuser(`select 1 from audit_event where action = 'members.remove'`)).to.have.length(1);
  });

  it('keeps the last ADMIN, with neither removal nor demotion, and writes no event of it', async () => {
    const user = await addUser();
    await set(user, 'EDITOR');
    expect(await remove(owner)).to.deep.equal({ kind: 'last_admin' });
    expect(await set(owner, 'EDITOR')).to.deep.equal({ kind: 'last_admin' });
    expect((await set(owner, 'ADMIN', false)).kind).to.equal('done');
    await set(user, 'ADMIN');
    expect((await remove(owner)).kind).to.equal('done');
    expect(await remove(user)).to.deep.equal({ kind: 'last_admin' });
    expect(await test.asSuperuser(`select 1 from audit_event where action = 'members.remove'`)).to.have.length(1);
  });

  it('lets one of two last admins go who are removed at once', async () => {
    const user = await addUser();
    await set(user, 'ADMIN');
    const kinds = (await Promise.all([remove(owner), remove(user)])).map(({ kind }) => kind);
    expect(kinds).to.have.members(['done', 'last_admin']);
  });

  it('does not count an ADMIN whose row was tampered with', async () => {
    const user = await addUser();
    await set(user, 'VIEWER');
    await test.asSuperuser(`update membership set role = 'ADMIN' where user_id = $1`, [user.id]);
    expect(await remove(owner)).to.deep.equal({ kind: 'last_admin' });
    expect(await remove(user)).to.deep.equal({ kind: 'absent' });
  });

  it('does not count an ADMIN who was deactivated', async () => {
    const user = newUser(workspace.id, { name: 'alice', passwordHash: 'h' });
    await test.stores.users.createUser(user, newEvent());
    await set(user, 'ADMIN');
    const deactivation = { userId: user.id, deactivatedAt: new Date(), event: newEvent(), eventOf: () => newEvent() };
    await test.stores.users.deactivateUser(deactivation);
    expect(await remove(owner)).to.deep.equal({ kind: 'last_admin' });
    expect((await remove(user)).kind).to.equal('done');
  });

  it('lists in the order of ids, behind an id, and fills a page up where rows fail their MAC', async () => {
    const users = [await addUser('a'), await addUser('b'), await addUser('c')];
    for (const user of users) await set(user, 'VIEWER');
    expect(await names({ size: 10 })).to.deep.equal(['owner', 'a', 'b', 'c']);
    expect(await names({ size: 2, after: owner.id })).to.deep.equal(['a', 'b']);
    await test.asSuperuser('update membership set may_reveal = false where user_id = $1', [users[0]?.id]);
    expect(await names({ size: 2 })).to.deep.equal(['owner', 'b']);
    expect(test.log.lines.map(({ fields }) => fields['table'])).to.include('membership');
  });
});
