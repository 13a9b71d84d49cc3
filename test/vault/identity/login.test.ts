import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import type { AnonymousCall, Caller } from '../../../src/vault/caller.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { LoginThrottle, LoginThrottles } from '../../../src/vault/identity/login-throttle.ts';
import { Login, type LoginUsers } from '../../../src/vault/identity/login.ts';
import { withdrawnPassword } from '../../../src/vault/identity/passwords.ts';
import {
  eventOfRevocation,
  newApiKey,
  newEvent,
  newId,
  openTestStores,
  setUpInstance,
  type TestStores,
} from '../../store/fixtures.ts';
import { refusalOf, vaultCodeOf } from '../../support/refusals.ts';

const now = new Date('2024-01-01T00:00:00Z');
const password = 'correct horse';

let test: TestStores;

const idle = async (): Promise<void> => undefined;
const newToken = () => ({ token: `fn_sess_${newId()}`, hash: randomBytes(32), prefix: 'fn_sess_' });

/** A new instance, whose owner has no password. */
async function setting() {
  await test.reset();
  const { owner } = await setUpInstance(test);
  const { audit, users } = test.stores;
  const waits: number[] = [];
  const hashed: string[] = [];
  /** What happens before and after the look-up of passwords. */
  const around = { before: idle, after: idle };
  const watched: LoginUsers = {
    anyPassword: () => users.anyPassword(),
    findUser: (reference) => users.findUser(reference),
    findUserByName: (name, signal) => users.findUserByName(name, signal),
    changePassword: (change) => users.changePassword(change),
    findFirstOwner: () => users.findFirstOwner(),
    setFirstPassword: (change) => users.setFirstPassword(change),
    createSession: (beginning) => users.createSession(beginning),
    deleteSession: (id, event) => users.deleteSession(id, event),
    findUsersWithPassword: async (signal) => {
      await around.before();
      const found = await users.findUsersWithPassword(signal);
      await around.after();
      return found;
    },
  };
  const login = new Login({
    users: watched,
    audit,
    hasher: {
      hash: async (text) => {
        hashed.push(text);
        return `hash of ${text}`;
      },
      verify: async (text, passwordHash) => {
        hashed.push(text);
        return passwordHash === `hash of ${text}`;
      },
    },
    tokens: { newApiKeyToken: newToken, newSessionToken: newToken },
    throttle: new LoginThrottle({ now: () => now }),
    throttles: new LoginThrottles({ now: () => now }),
    clock: { now: () => now },
    ids: { next: newId },
    wait: async (ms) => void waits.push(ms),
  });
  const ownerCaller: Caller = {
    kind: 'user',
    id: owner.id,
    name: owner.name,
    userId: owner.id,
    authentication: 'api_key',
    sessionId: null,
    expiresAt: null,
    isOwner: true,
    defaultWorkspaceId: owner.defaultWorkspaceId,
    grants: [{ workspaceId: owner.defaultWorkspaceId, role: 'ADMIN', mayReveal: true }],
    dialect: null,
  };
  const otherCaller: Caller = { ...ownerCaller, kind: 'api_key', isOwner: false };
  const withdraw = () =>
    users.replaceAuthentication({
      apiKey: newApiKey(owner, { role: null, name: 'another' }),
      revokedAt: now,
      passwordHash: withdrawnPassword(owner.id),
      event: newEvent({ action: 'api_keys.create' }),
      eventOf: eventOfRevocation,
    });
  return { login, owner, ownerCaller, otherCaller, around, waits, hashed, withdraw };
}

/** The events of logging in and out, the oldest first. */
function eventsNow() {
  return test.asSuperuser<Record<string, unknown>>(
    `select * from audit_event where action like 'sessions.%' or action = 'users.set_up' order by id`,
  );
}

function sessionsNow() {
  return test.asSuperuser<{ id: string; user_id: string }>('select id, user_id from session order by id');
}

/** Those beside the owner's. */
function membershipsOf(owner: { readonly id: string }) {
  return test.asSuperuser<Record<string, unknown>>('select * from membership where user_id <> $1', [owner.id]);
}

async function userNow(id: unknown) {
  const [user] = await test.asSuperuser<Record<string, unknown>>('select * from "user" where id = $1', [id]);
  return user;
}

function callBy(caller: Caller | undefined, isLocal = false): AnonymousCall {
  const { signal } = new AbortController();
  return { caller, isLocal, protocol: 'rest', dialect: 'fishnet', peer: '192.0.2.1', requestId: 'r', signal };
}

const local = callBy(undefined, true);
const remote = callBy(undefined);

describe('the password of a dashboard', () => {
  before(async () => (test = await openTestStores()));
  after(() => test.close());

  describe('setting the first password', () => {
    it('gives it to the owner whose API key it came with', async () => {
      const { login, owner, ownerCaller } = await setting();
      expect(await login.isSetUp()).to.equal(false);
      await login.setUp(callBy(ownerCaller), password, password);
      expect(await login.isSetUp()).to.equal(true);
      expect(await userNow(owner.id)).to.include({ password_hash: `hash of ${password}` });
      expect(await membershipsOf(owner)).to.deep.equal([]);
      const events = await eventsNow();
      expect(events).to.have.length(1);
      expect(events[0]).to.include({ action: 'users.set_up', actor_id: owner.id, authentication: 'api_key' });
    });

    it('makes, from this machine, an editor of the default workspace who reveals nothing', async () => {
      const { login, owner } = await setting();
      await login.setUp(local, password, password);
      const [membership] = await membershipsOf(owner);
      const { defaultWorkspaceId } = owner;
      expect(membership).to.include({ workspace_id: defaultWorkspaceId, role: 'EDITOR', may_reveal: false });
      expect(await userNow(membership?.['user_id'])).to.include({ name: 'dashboard', is_owner: false });
      expect(await userNow(owner.id)).to.include({ password_hash: null });
      expect((await eventsNow())[0]).to.include({ authentication: 'local' });
    });

    it('makes no owner of a local caller who has another API key', async () => {
      const { login, owner, otherCaller } = await setting();
      await login.setUp(callBy(otherCaller, true), password, password);
      expect(await userNow(owner.id)).to.include({ password_hash: null });
      expect((await membershipsOf(owner))[0]).to.include({ role: 'EDITOR', may_reveal: false });
      expect((await eventsNow())[0]).to.include({ authentication: 'local' });
    });

    it('is refused to strangers from elsewhere, before anything is computed', async () => {
      const { login, otherCaller, hashed } = await setting();
      expect(await vaultCodeOf(login.setUp(remote, password, password))).to.equal('token_missing');
      expect(await vaultCodeOf(login.setUp(callBy(otherCaller), password, password))).to.equal('permission_denied');
      expect(hashed).to.deep.equal([]);
    });

    it('reports first of all that it was done already', async () => {
      const { login, ownerCaller } = await setting();
      await login.setUp(local, password, password);
      expect(await vaultCodeOf(login.setUp(remote, 'x', 'y'))).to.equal('already_set_up');
      expect(await vaultCodeOf(login.setUp(callBy(ownerCaller), 'x', 'y'))).to.equal('already_set_up');
    });

    it('is for owners only after a password was withdrawn', async () => {
      const { login, ownerCaller, otherCaller, withdraw } = await setting();
      await withdraw();
      expect(await login.isSetUp()).to.equal(true);
      expect(await vaultCodeOf(login.login(remote, password))).to.equal('password_wrong');
      for (const call of [local, remote, callBy(otherCaller, true)]) {
        expect(await vaultCodeOf(login.setUp(call, password, password))).to.equal('already_set_up');
      }
      await login.setUp(callBy(ownerCaller), password, password);
      expect((await login.login(remote, password)).token).to.match(/^fn_sess_/);
    });

    it('reports that the two differ before that they are short', async () => {
      const { login } = await setting();
      expect((await refusalOf(login.setUp(local, 'x', 'y'), VaultError)).details.field).to.equal('confirm');
      const short = await refusalOf(login.setUp(local, '1234567', '1234567'), VaultError);
      expect(short).to.include({ code: 'invalid_argument', message: 'password must be at least 8 characters' });
    });

    it('lets one of two at once succeed', async () => {
      const { login, ownerCaller } = await setting();
      const both = await Promise.allSettled([
        login.setUp(local, password, password),
        login.setUp(callBy(ownerCaller), password, password),
      ]);
      expect(both.map(({ status }) => status)).to.have.members(['fulfilled', 'rejected']);
      expect(await eventsNow()).to.have.length(1);
    });

    it('refuses more than 1,024 characters without computing anything', async () => {
      const { login, hashed } = await setting();
      const long = 'p'.repeat(1_025);
      expect(await vaultCodeOf(login.setUp(local, long, long))).to.equal('invalid_argument');
      expect(hashed).to.deep.equal([]);
    });
  });

  describe('logging in', () => {
    it('trades the password for a session of four hours', async () => {
      const { login, owner, ownerCaller } = await setting();
      await login.setUp(callBy(ownerCaller), password, password);
      const { token, expiresAt } = await login.login(remote, password);
      expect(token).to.match(/^fn_sess_/);
      expect(expiresAt.toISOString()).to.equal('2024-01-01T04:00:00.000Z');
      expect((await sessionsNow()).map((session) => session.user_id)).to.deep.equal([owner.id]);
      expect((await eventsNow()).at(-1)).to.include({ action: 'sessions.login', outcome: 'OK', actor_id: owner.id });
    });

    it('keeps five sessions of a user', async () => {
      const { login } = await setting();
      await login.setUp(local, password, password);
      for (let round = 0; round < 6; round += 1) await login.login(remote, password);
      expect(await sessionsNow()).to.have.length(5);
    });

    it('holds back the answers to repeated failures, then refuses without computing anything', async () => {
      const { login, waits, hashed } = await setting();
      await login.setUp(local, password, password);
      for (let round = 0; round < 5; round += 1) {
        expect(await vaultCodeOf(login.login(remote, 'wrong'))).to.equal('password_wrong');
      }
      expect(waits).to.deep.equal([0, 0, 0, 1_000, 2_000]);
      hashed.length = 0;
      const refusal = await refusalOf(login.login(remote, password), VaultError);
      expect(refusal.code).to.equal('login_throttled');
      expect(refusal.details.retryAfterMs).to.equal(60_000);
      expect(hashed).to.deep.equal([]);
    });

    it('writes a failure to the trail, without the password', async () => {
      const { login } = await setting();
      await login.setUp(local, password, password);
      await vaultCodeOf(login.login(remote, 'wrong password'));
      const event = (await eventsNow()).at(-1);
      expect(event).to.include({
        action: 'sessions.login',
        outcome: 'DENIED',
        actor_kind: 'anonymous',
        peer: '192.0.2.1',
      });
      expect(JSON.stringify(event)).to.not.include('wrong password');
    });

    it('answers alike whether no password is set or another one', async () => {
      const { login } = await setting();
      const before = await refusalOf(login.login(remote, password), VaultError);
      await login.setUp(local, password, password);
      const after = await refusalOf(login.login(remote, 'wrong'), VaultError);
      expect(before.message).to.equal(after.message);
      expect(before.code).to.equal(after.code);
    });

    it('counts a password alike when it is set and when it is sent', async () => {
      const { login } = await setting();
      const longest = '😀'.repeat(1_024);
      await login.setUp(local, longest, longest);
      expect((await login.login(remote, longest)).token).to.be.a('string');
      expect(await vaultCodeOf(login.login(remote, `${longest}x`))).to.equal('password_wrong');
    });

    it('takes a password for a wrong one that was withdrawn while it was compared', async () => {
      const { login, ownerCaller, around, withdraw } = await setting();
      await login.setUp(callBy(ownerCaller), password, password);
      around.after = withdraw;
      expect(await vaultCodeOf(login.login(remote, password))).to.equal('password_wrong');
      expect(await sessionsNow()).to.deep.equal([]);
    });

    it('does not count an attempt that the store could not serve', async () => {
      const { login, around } = await setting();
      await login.setUp(local, password, password);
      around.before = () => Promise.reject(new VaultError('unavailable', 'the database is away'));
      for (let round = 0; round < 6; round += 1)
        expect(await vaultCodeOf(login.login(remote, 'wrong'))).to.equal('unavailable');
      around.before = async () => undefined;
      expect(await vaultCodeOf(login.login(remote, 'wrong'))).to.equal('password_wrong');
    });
  });

  describe('logging out', () => {
    it('ends the session of the token, and no other', async () => {
      const { login, otherCaller } = await setting();
      await login.setUp(local, password, password);
      await login.login(remote, password);
      await login.login(remote, password);
      const [first, second] = await sessionsNow();
      const caller: Caller = { ...otherCaller, authentication: 'session', sessionId: first?.id ?? '' };
      await login.logout({ ...remote, caller, workspaceId: caller.defaultWorkspaceId });
      expect(await sessionsNow()).to.deep.equal([second]);
      expect((await eventsNow()).at(-1)).to.include({ action: 'sessions.logout', resource_id: first?.id });
    });

    it('leaves an API key as it is', async () => {
      const { login, otherCaller } = await setting();
      await login.logout({ ...remote, caller: otherCaller, workspaceId: otherCaller.defaultWorkspaceId });
      expect(await eventsNow()).to.deep.equal([]);
    });
  });
});
