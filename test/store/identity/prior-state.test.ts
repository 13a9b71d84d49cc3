import { expect } from 'chai';
import { withdrawnPassword } from '../../../src/vault/identity/passwords.ts';
import type { Membership, User } from '../../../src/vault/identity/identity.ts';
import {
  createdAt,
  eventOfRevocation,
  newApiKey,
  newEvent,
  newUser,
  openTestStores,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';

describe('the prior state of a row that an event records', () => {
  let test: TestStores;
  let owner: User;
  let user: User;

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
    ({ owner } = await setUpInstance(test));
    user = newUser(owner.defaultWorkspaceId, { passwordHash: 'first' });
    await test.stores.users.createUser(user, newEvent());
  });

  after(async () => {
    await test.close();
  });

  async function stateOf(table: 'user' | 'membership', userId: string): Promise<string | undefined> {
    const column = table === 'user' ? 'id' : 'user_id';
    const [row] = await test.asSuperuser<{ state: string }>(
      `select left(encode(mac, 'hex'), 32) as state from "${table}" where ${column} = $1`,
      [userId],
    );
    return row?.state;
  }

  async function toldBy(id: string): Promise<string | null | undefined> {
    const [row] = await test.asSuperuser<{ state: string | null }>(
      'select resource_state as state from audit_event where id = $1',
      [id],
    );
    return row?.state;
  }

  const set = async (changes: Partial<Membership> = {}) => {
    const { defaultWorkspaceId: workspaceId } = owner;
    const event = newEvent();
    const membership = { workspaceId, userId: user.id, role: 'VIEWER', mayReveal: true, ...changes } as const;
    expect((await test.stores.members.setMember(membership, event)).kind).to.equal('done');
    return { told: await toldBy(event.id), state: await stateOf('membership', user.id) };
  };

  it('is a membership that another takes the place of, or that is removed', async () => {
    const first = await set();
    expect(first.told).to.equal(null);
    const second = await set({ role: 'EDITOR' });
    expect(second.told).to.equal(first.state);
    const event = newEvent();
    await test.stores.members.removeMember({ workspaceId: owner.defaultWorkspaceId, userId: user.id, event });
    expect(await toldBy(event.id)).to.equal(second.state);
  });

  it('is another one for each membership, however alike they are', async () => {
    const states = [await set(), await set(), await set()].map(({ state }) => state);
    expect(new Set(states).size).to.equal(3);
  });

  it('is none of a membership that somebody else has written', async () => {
    await set();
    await test.asSuperuser(`update membership set role = 'ADMIN' where user_id = $1`, [user.id]);
    expect((await set()).told).to.equal(null);
  });

  it('is one of a membership from before they named their events', async () => {
    const { userId, workspaceId } = { userId: user.id, workspaceId: owner.defaultWorkspaceId };
    const mac = test.grantMac.compute('membership', [userId, workspaceId, 'VIEWER', 'true']);
    await test.asSuperuser(
      `insert into membership (user_id, workspace_id, role, may_reveal, mac) values ($1, $2, 'VIEWER', true, $3)`,
      [userId, workspaceId, mac],
    );
    const { told } = await set();
    expect(told).to.equal(Buffer.from(mac).toString('hex').slice(0, 32));
  });

  it('is a user before a changed password, and before the deactivation', async () => {
    const [first, event] = [await stateOf('user', user.id), newEvent()];
    const change = { user: { ...user, passwordHash: 'second' }, formerHash: 'first', keepSession: null };
    await test.stores.users.changePassword({ ...change, event, eventOf: eventOfRevocation });
    expect(await toldBy(event.id)).to.equal(first);
    const [second, end] = [await stateOf('user', user.id), newEvent()];
    const deactivation = { userId: user.id, deactivatedAt: createdAt, event: end, eventOf: eventOfRevocation };
    await test.stores.users.deactivateUser(deactivation);
    expect(await toldBy(end.id)).to.equal(second);
  });

  it('is an owner before the first password, and before it was withdrawn', async () => {
    const [first, event] = [await stateOf('user', owner.id), newEvent()];
    const withPassword = { ...owner, passwordHash: 'first' };
    await test.stores.users.setFirstPassword({ user: withPassword, from: { formerHash: null }, event });
    expect(await toldBy(event.id)).to.equal(first);
    const [second, apiKey] = [await stateOf('user', owner.id), newApiKey(owner, { role: null })];
    const made = newEvent();
    await test.stores.users.replaceAuthentication({
      apiKey,
      revokedAt: createdAt,
      passwordHash: withdrawnPassword(apiKey.id),
      event: made,
      eventOf: eventOfRevocation,
    });
    const withdrawals = await test.asSuperuser<{ state: string }>(
      `select resource_state as state from audit_event where action = 'users.withdraw_password'`,
    );
    expect(withdrawals).to.deep.equal([{ state: second }]);
    // Its id may be replaced by a later one, so that ids rise in the stream.
    const [last] = await test.asSuperuser<{ state: string | null }>(
      'select resource_state as state from audit_event order by seq desc limit 1',
    );
    expect(last).to.deep.equal({ state: null });
  });
});
