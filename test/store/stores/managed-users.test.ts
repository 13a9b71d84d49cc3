import { expect } from 'chai';
import { VaultError } from '../../../src/vault/errors.ts';
import { shortIdOf } from '../../../src/vault/ids.ts';
import type { Session, User } from '../../../src/vault/identity/identity.ts';
import { withdrawnPassword } from '../../../src/vault/identity/passwords.ts';
import { randomBytes } from 'node:crypto';
import {
  createdAt,
  newApiKey,
  eventOfRevocation,
  newEvent,
  newId,
  newUser,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

describe('the account store', () => {
  let test: TestStores;
  let owner: User;

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
    ({ owner } = await setUpInstance(test));
  });

  after(async () => {
    await test.close();
  });

  async function create(name: string, changes: Partial<User> = {}): Promise<User> {
    const user = newUser(owner.defaultWorkspaceId, { name, passwordHash: 'h', ...changes });
    await test.stores.users.createUser(user, newEvent({ action: 'users.create', resourceId: user.id }));
    return user;
  }

  async function begin(user: User): Promise<Session> {
    const session = { id: newId(), userId: user.id, hash: randomBytes(32), expiresAt: createdAt, createdAt };
    await test.stores.users.createSession({
      session,
      passwordHash: user.passwordHash,
      keep: 5,
      event: newEvent(),
      eventOf: eventOfRevocation,
    });
    return session;
  }

  const change = (user: User, passwordHash: string, keepSession: string | null = null) =>
    test.stores.users.changePassword({
      user: { ...user, passwordHash },
      formerHash: user.passwordHash ?? '',
      keepSession,
      event: newEvent({ action: 'users.change_password' }),
      eventOf: ({ action, resourceId }) => newEvent({ action, resourceId }),
    });
  const deactivate = (user: User, deactivatedAt = createdAt) =>
    test.stores.users.deactivateUser({
      userId: user.id,
      deactivatedAt,
      event: newEvent({ action: 'users.deactivate', resourceId: user.id }),
      eventOf: ({ action, resourceId }) => newEvent({ action, resourceId }),
    });
  const names = async (page: { size: number; after?: string }) =>
    (await test.stores.users.listUsers({ ...page, signal: patience })).map(({ name }) => name);
  const find = (name: string) => test.stores.users.findUserByName(name, patience);

  it('keeps a user with the event of it, and finds the user by either spelling of the id and by name', async () => {
    const user = await create('alice');
    for (const reference of [{ id: user.id }, { shortId: shortIdOf(user.id) }]) {
      expect(await test.stores.users.findUser(reference, patience)).to.deep.equal(user);
    }
    expect(await find('alice')).to.deep.equal(user);
    expect(await find('Alice')).to.equal(undefined);
    expect(await test.asSuperuser('select 1 from audit_event where resource_id = $1', [user.id])).to.have.length(1);
  });

  it('lets no two users who log in have one name, nor one have an owner’s', async () => {
    await create('alice');
    for (const name of ['alice', owner.name]) {
      const refused = await rejectionOf(create(name));
      expect(refused).to.be.instanceOf(VaultError).with.property('code', 'name_taken');
    }
    expect(await test.asSuperuser(`select 1 from audit_event where action = 'users.create'`)).to.have.length(1);
  });

  it('lets users who never log in have the names of others', async () => {
    await create('shared', { passwordHash: null });
    const user = await create('shared');
    await create('shared', { passwordHash: null });
    expect(await find('shared')).to.deep.equal(user);
  });

  it('finds no user whose MAC is wrong', async () => {
    const user = await create('alice');
    await test.asSuperuser(`update "user" set password_hash = 'x' where id = $1`, [user.id]);
    expect(await find('alice')).to.equal(undefined);
    expect(await test.stores.users.findUser({ id: user.id }, patience)).to.equal(undefined);
  });

  it('lists in the order of ids, behind an id, and fills a page up where rows fail their MAC', async () => {
    const [first] = [await create('a'), await create('b'), await create('c')];
    expect(await names({ size: 10 })).to.deep.equal(['owner', 'a', 'b', 'c']);
    expect(await names({ size: 2, after: first.id })).to.deep.equal(['b', 'c']);
    await test.asSuperuser('update "user" set is_owner = true where id = $1', [first.id]);
    expect(await names({ size: 2 })).to.deep.equal(['owner', 'b']);
  });

  it('changes a password, and ends the user’s sessions but one, each with its event', async () => {
    const user = await create('alice');
    const other = await create('bob');
    const [kept, ended, others] = [await begin(user), await begin(user), await begin(other)];
    expect(await change(user, 'new', kept.id)).to.equal(true);
    expect((await find('alice'))?.passwordHash).to.equal('new');
    for (const { hash } of [kept, others])
      expect(await test.stores.access.findSession(hash, patience)).to.be.an('object');
    expect(await test.stores.access.findSession(ended.hash, patience)).to.equal(undefined);
    const rows = await test.asSuperuser(`select resource_id from audit_event where action = 'sessions.logout'`);
    expect(rows).to.deep.equal([{ resource_id: ended.id }]);
  });

  it('changes no password that was changed meanwhile, and lets one of two at once succeed', async () => {
    const user = await create('alice');
    const both = await Promise.all([change(user, 'one'), change(user, 'other')]);
    expect(both).to.have.members([true, false]);
    expect(await test.asSuperuser(`select 1 from audit_event where action = 'users.change_password'`)).to.have.length(
      1,
    );
  });

  it('changes no password of a user whose MAC is wrong', async () => {
    const user = await create('alice');
    await test.asSuperuser('update "user" set is_owner = true where id = $1', [user.id]);
    expect(await change(user, 'new')).to.equal(false);
  });

  it('deactivates a user with all keys and sessions, each with its event, and once', async () => {
    const user = await create('alice');
    const personal = newApiKey(user, { role: null });
    const issued = newApiKey(user);
    for (const key of [personal, issued]) await test.stores.apiKeys.createApiKey(key, newEvent());
    const session = await begin(user);
    const deactivated = { ...user, deactivatedAt: createdAt };
    expect(await deactivate(user)).to.deep.equal({ kind: 'done', user: deactivated });
    expect(await deactivate(user, new Date())).to.deep.equal({ kind: 'done', user: deactivated });
    const { access, users } = test.stores;
    expect(await access.findSession(session.hash, patience)).to.equal(undefined);
    expect((await access.findApiKey(personal.hash, patience))?.apiKey.revokedAt).to.deep.equal(createdAt);
    const found = await access.findApiKey(issued.hash, patience);
    expect([found?.apiKey.revokedAt, found?.access.user]).to.deep.equal([null, deactivated]);
    expect(await users.findUser({ id: user.id }, patience)).to.deep.equal(deactivated);
    expect(await find('alice')).to.equal(undefined);
    const late = { id: newId(), userId: user.id, hash: randomBytes(32), expiresAt: createdAt, createdAt };
    const { passwordHash } = user;
    expect(
      await users.createSession({
        session: late,
        passwordHash,
        keep: 5,
        event: newEvent(),
        eventOf: eventOfRevocation,
      }),
    ).to.equal(false);
    expect(await change(user, 'new')).to.equal(false);
    const rows = await test.asSuperuser<{ action: string; id: string }>(
      'select action, resource_id as id from audit_event where resource_id = any($1) order by seq',
      [[user.id, personal.id, session.id, issued.id]],
    );
    expect(rows.map(({ action, id }) => [action, id])).to.deep.equal([
      ['users.create', user.id],
      ['api_keys.revoke', personal.id],
      ['sessions.logout', session.id],
      ['users.deactivate', user.id],
    ]);
  });

  it('treats a user as absent whose deactivation was taken back by a writer of the database', async () => {
    const user = await create('alice');
    await deactivate(user);
    await test.asSuperuser('update "user" set deactivated_at = null where id = $1', [user.id]);
    expect(await find('alice')).to.equal(undefined);
    expect(await deactivate(user)).to.deep.equal({ kind: 'absent' });
  });

  it('keeps the last owner, and one of two who are deactivated at once', async () => {
    expect(await deactivate(owner)).to.deep.equal({ kind: 'last_owner' });
    const second = await create('second', { isOwner: true });
    const kinds = (await Promise.all([deactivate(owner), deactivate(second)])).map(({ kind }) => kind);
    expect(kinds).to.have.members(['done', 'last_owner']);
    const first = await test.stores.users.findFirstOwner();
    expect(first?.id).to.equal(kinds[0] === 'done' ? second.id : owner.id);
  });

  it('does not count an owner who was inserted into the database', async () => {
    const user = await create('alice');
    await test.asSuperuser('update "user" set is_owner = true where id = $1', [user.id]);
    expect(await deactivate(owner)).to.deep.equal({ kind: 'last_owner' });
  });

  it('frees the name of a deactivated user', async () => {
    await deactivate(await create('alice'));
    const next = await create('alice');
    expect(await find('alice')).to.deep.equal(next);
  });

  it('leaves the login without a name, and its first password, to the others', async () => {
    await create('alice');
    const { users } = test.stores;
    expect(await users.findUsersWithPassword(patience)).to.deep.equal([]);
    expect(await users.anyPassword()).to.equal(true);
    const dashboard = newUser(owner.defaultWorkspaceId, { name: 'dashboard', passwordHash: 'h' });
    const membership = {
      workspaceId: owner.defaultWorkspaceId,
      userId: dashboard.id,
      role: 'EDITOR',
      mayReveal: false,
    } as const;
    expect(await users.setFirstPassword({ user: dashboard, from: { membership }, event: newEvent() })).to.equal(false);
    const set = { ...owner, passwordHash: withdrawnPassword(owner.id) };
    expect(await users.setFirstPassword({ user: set, from: { formerHash: null }, event: newEvent() })).to.equal(true);
  });
});
