import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { VaultError } from '../../../src/vault/errors.ts';
import type { ApiKey, Session, User } from '../../../src/vault/identity/identity.ts';
import type { Revocation } from '../../../src/vault/identity/ports.ts';
import { withdrawnPassword } from '../../../src/vault/identity/passwords.ts';
import {
  createdAt,
  newApiKey,
  eventOfRevocation,
  newEvent,
  newId,
  newUser,
  newWorkspace,
  newWorkspaceKey,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

/** A time of creation. */
const at = (day: number) => ({ createdAt: new Date(Date.UTC(2024, 0, day)) });

describe('the user store', () => {
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

  const eventCount = async () => (await test.asSuperuser('select 1 from audit_event')).length;

  describe('of a new instance', () => {
    it('has no users', async () => {
      const { users } = test.stores;
      expect(await users.anyOwner()).to.equal(false);
      expect(await users.anyPassword()).to.equal(false);
      expect(await users.findFirstOwner()).to.equal(undefined);
      expect(await users.findUser({ id: newId() })).to.equal(undefined);
    });

    it('makes the first owner with workspace, membership and key', async () => {
      const { workspace, owner, membership, apiKey } = await setUpInstance(test);
      const { users, access, keys } = test.stores;
      expect(await users.anyOwner()).to.equal(true);
      expect(await users.findFirstOwner()).to.deep.equal(owner);
      expect(await users.findUser({ id: owner.id })).to.deep.equal(owner);
      expect(await access.findApiKey(apiKey.hash, patience)).to.deep.equal({
        apiKey,
        access: { user: owner, memberships: [membership] },
      });
      expect(await keys.findWorkspaceKeys(workspace.id)).to.have.length(1);
      expect(await eventCount()).to.equal(1);
    });

    it('makes one first owner of several at once', async () => {
      const refusals = await Promise.all([1, 2, 3].map(() => rejectionOf(setUpInstance(test))));
      const refused = refusals.filter((error) => error !== undefined);
      expect(refused).to.have.length(2);
      for (const error of refused) expect(error).to.be.instanceOf(VaultError).with.property('code', 'already_set_up');
      expect(await test.asSuperuser('select 1 from workspace')).to.have.length(1);
    });
  });

  it('takes a tampered owner for absent, but does not make room for another one', async () => {
    await setUpInstance(test);
    await test.asSuperuser(`update "user" set password_hash = 'x'`);
    const { users } = test.stores;
    expect(await users.findFirstOwner()).to.equal(undefined);
    expect(await users.findUsersWithPassword(patience)).to.deep.equal([]);
    expect(await users.anyOwner()).to.equal(true);
    expect(await users.anyPassword()).to.equal(true);
    expect(await rejectionOf(setUpInstance(test))).to.have.property('code', 'already_set_up');
  });

  /** Replaces what proves a user by a key, and answers what ended. */
  async function replace(apiKey: ApiKey, revokedAt = createdAt): Promise<Revocation[]> {
    const ended: Revocation[] = [];
    await test.stores.users.replaceAuthentication({
      apiKey,
      revokedAt,
      passwordHash: withdrawnPassword(apiKey.id),
      event: newEvent(),
      eventOf: (revocation) => {
        ended.push(revocation);
        return newEvent({ ...revocation });
      },
    });
    return ended;
  }

  it('replaces the personal keys of a user, and no others', async () => {
    const { owner, apiKey } = await setUpInstance(test);
    const issued = newApiKey(owner);
    await test.stores.apiKeys.createApiKey(issued, newEvent());
    const [one, two] = [newApiKey(owner, { role: null }), newApiKey(owner, { role: null })];
    const revokedAt = new Date('2024-05-05T05:05:05.005Z');
    await replace(one, revokedAt);
    await replace(two, createdAt);
    const revocations = await Promise.all(
      [apiKey, one, issued, two].map(async ({ hash }) => {
        return (await test.stores.access.findApiKey(hash, patience))?.apiKey.revokedAt;
      }),
    );
    expect(revocations).to.deep.equal([revokedAt, createdAt, null, null]);
  });

  it('leaves one personal key of several that replace one another at once', async () => {
    const { owner } = await setUpInstance(test);
    await Promise.all([1, 2, 3, 4].map(() => replace(newApiKey(owner, { role: null }))));
    expect(await test.asSuperuser('select 1 from api_key where revoked_at is null')).to.have.length(1);
  });

  it('ends the sessions and keys of a user, and those of no other, each with its event', async () => {
    const { owner, apiKey, workspace } = await setUpInstance(test);
    const other = firstOf(workspace.id);
    await test.stores.users.setFirstPassword(other);
    const [own, foreign] = [await startSession(owner), await startSession(other.user)];
    const ended = await replace(newApiKey(owner, { role: null }));
    expect(ended).to.deep.equal([
      { action: 'api_keys.revoke', resourceKind: 'api_key', resourceId: apiKey.id },
      { action: 'sessions.logout', resourceKind: 'session', resourceId: own.id },
      { action: 'users.withdraw_password', resourceKind: 'user', resourceId: owner.id },
    ]);
    for (const { action, resourceId } of ended) {
      const events = await test.asSuperuser('select 1 from audit_event where action = $1 and resource_id = $2', [
        action,
        resourceId,
      ]);
      expect(events, action).to.have.length(1);
    }
    expect(await valid()).to.deep.equal([foreign.id]);
    expect(await test.stores.users.findUsersWithPassword(patience)).to.deep.equal([other.user]);
  });

  it('replaces nothing for a user whose row fails its MAC', async () => {
    const { owner } = await setUpInstance(test);
    await test.asSuperuser(`update "user" set password_hash = 'x'`);
    const refused = await rejectionOf(replace(newApiKey(owner, { role: null })));
    expect(refused).to.be.instanceOf(VaultError).with.property('code', 'not_found');
    expect(await test.asSuperuser('select 1 from api_key where revoked_at is not null')).to.deep.equal([]);
  });

  describe('after a password was withdrawn', () => {
    const passwordHash = '$argon2id$test';

    it('no user has one, and only an existing user gets another', async () => {
      const { owner, workspace } = await setUpInstance(test);
      const apiKey = newApiKey(owner, { role: null });
      await replace(apiKey);
      const { users } = test.stores;
      expect(await users.findUsersWithPassword(patience)).to.deep.equal([]);
      expect(await users.anyPassword()).to.equal(true);
      expect(await users.setFirstPassword(firstOf(workspace.id))).to.equal(false);
      const from = { formerHash: withdrawnPassword(apiKey.id) };
      const user = { ...owner, passwordHash };
      expect(await users.setFirstPassword({ user, from, event: newEvent() })).to.equal(true);
      expect(await users.findUsersWithPassword(patience)).to.deep.equal([user]);
      expect(await users.setFirstPassword({ user, from, event: newEvent() })).to.equal(false);
    });

    it('one that was being set meanwhile comes too late', async () => {
      const { owner } = await setUpInstance(test);
      const first = newApiKey(owner, { role: null });
      await replace(first);
      await replace(newApiKey(owner, { role: null }));
      const user = { ...owner, passwordHash };
      for (const formerHash of [null, withdrawnPassword(first.id)]) {
        const late = { user, from: { formerHash }, event: newEvent() };
        expect(await test.stores.users.setFirstPassword(late)).to.equal(false);
      }
    });

    it('a login that had compared it meanwhile comes too late', async () => {
      const { owner } = await setUpInstance(test);
      const user = { ...owner, passwordHash };
      await test.stores.users.setFirstPassword({ user, from: { formerHash: null }, event: newEvent() });
      await replace(newApiKey(owner, { role: null }));
      const session = newSession(user);
      const late = { session, passwordHash, keep: 5, event: newEvent(), eventOf: eventOfRevocation };
      expect(await test.stores.users.createSession(late)).to.equal(false);
      expect(await valid()).to.deep.equal([]);
    });
  });

  describe('setting the first password', () => {
    it('gives it to an existing user', async () => {
      const { owner } = await setUpInstance(test);
      const user = { ...owner, passwordHash: '$argon2id$test' };
      const change = { user, from: { formerHash: null }, event: newEvent() };
      expect(await test.stores.users.setFirstPassword(change)).to.equal(true);
      expect(await test.stores.users.anyPassword()).to.equal(true);
      expect(await test.stores.users.findUsersWithPassword(patience)).to.deep.equal([user]);
      expect(await test.stores.users.findFirstOwner()).to.deep.equal(user);
    });

    it('adds a new user with a membership', async () => {
      const { workspace } = await setUpInstance(test);
      const user = newUser(workspace.id, { passwordHash: '$argon2id$test' });
      const membership = { workspaceId: workspace.id, userId: user.id, role: 'EDITOR', mayReveal: false } as const;
      expect(await test.stores.users.setFirstPassword({ user, from: { membership }, event: newEvent() })).to.equal(
        true,
      );
      const session = await startSession(user);
      expect((await test.stores.access.findSession(session.hash, patience))?.access).to.deep.equal({
        user,
        memberships: [membership],
      });
    });

    for (const [title, tampering] of Object.entries({
      'whose password a writer of the database took away': `update "user" set password_hash = null where not is_owner`,
      'whom a writer of the database made an owner': `update "user" set password_hash = null, is_owner = not is_owner`,
    })) {
      it(`adds no new user beside one ${title}`, async () => {
        const { workspace } = await setUpInstance(test);
        expect(await test.stores.users.setFirstPassword(firstOf(workspace.id))).to.equal(true);
        await test.asSuperuser(tampering);
        expect(await test.stores.users.anyPassword()).to.equal(false);
        expect(await test.stores.users.setFirstPassword(firstOf(workspace.id))).to.equal(false);
        expect(await test.asSuperuser('select 1 from "user"')).to.have.length(2);
        expect(await eventCount()).to.equal(2);
      });
    }

    it('lets exactly one of several have it, and writes one event', async () => {
      const { workspace, owner } = await setUpInstance(test);
      const attempt = (index: number) => {
        if (index === 0) {
          const user = { ...owner, passwordHash: '$argon2id$0' };
          return test.stores.users.setFirstPassword({ user, from: { formerHash: null }, event: newEvent() });
        }
        const user = newUser(workspace.id, { passwordHash: `$argon2id$${index}` });
        const membership = { workspaceId: workspace.id, userId: user.id, role: 'EDITOR', mayReveal: false } as const;
        return test.stores.users.setFirstPassword({ user, from: { membership }, event: newEvent() });
      };
      const answers = await Promise.all([0, 1, 2, 3, 4, 5].map(attempt));
      expect(answers.filter(Boolean)).to.have.length(1);
      expect(await test.stores.users.findUsersWithPassword(patience)).to.have.length(1);
      expect(await eventCount()).to.equal(2);
    });
  });

  const valid = async () =>
    (await test.asSuperuser<{ id: string }>('select id from session order by id')).map(({ id }) => id);

  async function startSession(user: User, keep = 5, changes: Partial<Session> = {}): Promise<Session> {
    const session = newSession(user, changes);
    const { passwordHash } = user;
    expect(
      await test.stores.users.createSession({
        session,
        passwordHash,
        keep,
        event: newEvent(),
        eventOf: eventOfRevocation,
      }),
    ).to.equal(true);
    return session;
  }

  describe('sessions', () => {
    it('end, the oldest first, beyond those to keep, and those of others do not', async () => {
      const { owner, workspace } = await setUpInstance(test);
      const other = newUser(workspace.id, { passwordHash: '$argon2id$test' });
      const membership = { workspaceId: workspace.id, userId: other.id, role: 'EDITOR', mayReveal: false } as const;
      await test.stores.users.setFirstPassword({ user: other, from: { membership }, event: newEvent() });
      const foreign = await startSession(other);
      const second = await startSession(owner, 2, at(2));
      const first = await startSession(owner, 2, at(1));
      const third = await startSession(owner, 2, at(3));
      expect(await valid()).to.deep.equal([foreign.id, second.id, third.id].toSorted());
      const ends = `select resource_id as id from audit_event where action = 'sessions.logout'`;
      expect(await test.asSuperuser(ends)).to.deep.equal([{ id: first.id }]);
      const newest = await startSession(owner, 1, at(1));
      expect(await valid()).to.deep.equal([foreign.id, newest.id].toSorted());
      expect(await test.stores.access.findSession(first.hash, patience)).to.equal(undefined);
    });

    it('stay at the number to keep where several begin at once', async () => {
      const { owner } = await setUpInstance(test);
      await Promise.all(Array.from({ length: 10 }, () => startSession(owner, 3)));
      expect(await valid()).to.have.length(3);
    });

    it('end by being deleted, with the event', async () => {
      const { owner } = await setUpInstance(test);
      const session = await startSession(owner);
      const event = newEvent({ action: 'sessions.logout', resourceId: session.id });
      await test.stores.users.deleteSession(session.id, event);
      expect(await valid()).to.deep.equal([]);
      expect(await test.asSuperuser('select id from audit_event where id = $1', [event.id])).to.have.length(1);
    });
  });

  it('makes nothing of an owner whose workspace can not be made', async () => {
    const workspace = newWorkspace();
    const owner = newUser(newId(), { isOwner: true });
    const membership = { workspaceId: workspace.id, userId: owner.id, role: 'ADMIN', mayReveal: true } as const;
    const key = newWorkspaceKey(workspace.id);
    const apiKey = newApiKey(owner, { role: null });
    const refused = test.stores.users.createFirstOwner({
      workspace,
      key,
      owner,
      membership,
      apiKey,
      event: newEvent(),
    });
    expect(await rejectionOf(refused)).to.be.instanceOf(Error);
    expect(await test.stores.users.anyOwner()).to.equal(false);
    expect(await test.asSuperuser('select 1 from workspace')).to.deep.equal([]);
  });
});

/** A new user with the first password. */
function firstOf(workspaceId: string) {
  const user = newUser(workspaceId, { passwordHash: '$argon2id$test' });
  const membership = { workspaceId, userId: user.id, role: 'EDITOR', mayReveal: false } as const;
  return { user, from: { membership }, event: newEvent() };
}

function newSession(user: User, changes: Partial<Session> = {}): Session {
  const times = { expiresAt: new Date('2030-01-01'), createdAt };
  return { id: newId(), userId: user.id, hash: randomBytes(32), ...times, ...changes };
}
