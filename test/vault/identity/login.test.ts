import { expect } from 'chai';
import type { Reference } from '../../../src/vault/ids.ts';
import type { AuditEvent } from '../../../src/vault/audit/audit-event.ts';
import type { AnonymousCall, Caller } from '../../../src/vault/caller.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { LoginThrottle, LoginThrottles } from '../../../src/vault/identity/login-throttle.ts';
import { Login, type LoginUsers } from '../../../src/vault/identity/login.ts';
import type { FirstPassword } from '../../../src/vault/identity/ports.ts';
import type { Membership, Session, User } from '../../../src/vault/identity/identity.ts';
import { isPassword, withdrawnPassword } from '../../../src/vault/identity/passwords.ts';
import { refusalOf, vaultCodeOf } from '../../support/refusals.ts';

const now = new Date('2024-01-01T00:00:00Z');
const workspaceId = '018cc251-f400-7000-8000-000000000001';
const owner: User = {
  id: '018cc251-f400-7000-8000-000000000002',
  name: 'owner',
  isOwner: true,
  defaultWorkspaceId: workspaceId,
  passwordHash: null,
  deactivatedAt: null,
  createdAt: now,
};
const password = 'correct horse';

/** Keeps users in memory, by the promises of the port. */
class MemoryUsers implements LoginUsers {
  readonly users = new Map<string, User>([[owner.id, owner]]);
  readonly memberships: Membership[] = [];
  readonly sessions: Session[] = [];
  readonly events: AuditEvent[] = [];
  /** What the next look-up of passwords fails with. */
  outage: Error | undefined;
  /** What happens between the look-up of passwords and what is done with them. */
  afterLookup: () => void = () => undefined;

  async anyPassword() {
    return [...this.users.values()].some(({ passwordHash }) => passwordHash !== null);
  }
  async findUsersWithPassword() {
    if (this.outage) throw this.outage;
    const users = this.#withPassword();
    this.afterLookup();
    return users;
  }
  async findUser(reference: Reference) {
    return 'id' in reference ? this.users.get(reference.id) : undefined;
  }
  async findUserByName(name: string) {
    return this.#withPassword().find((user) => user.name === name);
  }
  async changePassword({ user, formerHash, event }: Parameters<LoginUsers['changePassword']>[0]) {
    if (this.users.get(user.id)?.passwordHash !== formerHash) return false;
    this.users.set(user.id, user);
    this.events.push(event);
    return true;
  }
  async findFirstOwner() {
    return this.users.get(owner.id);
  }
  async setFirstPassword({ user, from, event }: FirstPassword) {
    const isOver = 'membership' in from ? await this.anyPassword() : this.#withPassword().length > 0;
    if (isOver) return false;
    this.users.set(user.id, user);
    if ('membership' in from) this.memberships.push(from.membership);
    this.events.push(event);
    return true;
  }
  async createSession({ session, keep, passwordHash, event }: Parameters<LoginUsers['createSession']>[0]) {
    if (this.users.get(session.userId)?.passwordHash !== passwordHash) return false;
    this.sessions.push(session);
    this.sessions.splice(0, Math.max(0, this.sessions.length - keep));
    this.events.push(event);
    return true;
  }
  async deleteSession(id: string, event: AuditEvent) {
    const index = this.sessions.findIndex((session) => session.id === id);
    if (index >= 0) this.sessions.splice(index, 1);
    this.events.push(event);
  }
  #withPassword(): User[] {
    return [...this.users.values()].filter(({ passwordHash }) => isPassword(passwordHash));
  }
}

function setting() {
  const users = new MemoryUsers();
  const waits: number[] = [];
  const hashed: string[] = [];
  let made = 0;
  const next = () => `018cc251-f400-7000-8000-${String((made += 1)).padStart(12, '0')}`;
  const newToken = () => ({ token: `fn_sess_${next()}`, hash: new Uint8Array(32), prefix: 'fn_sess_' });
  const login = new Login({
    users,
    audit: { append: async (event) => void users.events.push(event) },
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
    ids: { next },
    wait: async (ms) => void waits.push(ms),
  });
  return { login, users, waits, hashed };
}

function callBy(caller: Caller | undefined, isLocal = false): AnonymousCall {
  const { signal } = new AbortController();
  return { caller, isLocal, protocol: 'rest', dialect: 'fishnet', peer: '192.0.2.1', requestId: 'r', signal };
}

const ownerCaller: Caller = {
  kind: 'user',
  id: owner.id,
  name: owner.name,
  userId: owner.id,
  authentication: 'api_key',
  sessionId: null,
  expiresAt: null,
  isOwner: true,
  defaultWorkspaceId: workspaceId,
  grants: [{ workspaceId, role: 'ADMIN', mayReveal: true }],
  dialect: null,
};
const otherCaller: Caller = { ...ownerCaller, kind: 'api_key', isOwner: false };
const local = callBy(undefined, true);
const remote = callBy(undefined);

describe('setting the first password', () => {
  it('gives it to the owner whose API key it came with', async () => {
    const { login, users } = setting();
    expect(await login.isSetUp()).to.equal(false);
    await login.setUp(callBy(ownerCaller), password, password);
    expect(await login.isSetUp()).to.equal(true);
    expect(users.users.get(owner.id)?.passwordHash).to.equal(`hash of ${password}`);
    expect(users.memberships).to.deep.equal([]);
    expect(users.events).to.have.length(1);
    expect(users.events[0]).to.include({ action: 'users.set_up', actorId: owner.id, authentication: 'api_key' });
  });

  it('makes, from this machine, an editor of the default workspace who reveals nothing', async () => {
    const { login, users } = setting();
    await login.setUp(local, password, password);
    const [membership] = users.memberships;
    expect(membership).to.include({ workspaceId, role: 'EDITOR', mayReveal: false });
    expect(users.users.get(membership?.userId ?? '')).to.include({ name: 'dashboard', isOwner: false });
    expect(users.users.get(owner.id)?.passwordHash).to.equal(null);
    expect(users.events[0]).to.include({ authentication: 'local' });
  });

  it('makes no owner of a local caller who has another API key', async () => {
    const { login, users } = setting();
    await login.setUp(callBy(otherCaller, true), password, password);
    expect(users.users.get(owner.id)?.passwordHash).to.equal(null);
    expect(users.memberships[0]).to.include({ role: 'EDITOR', mayReveal: false });
    expect(users.events[0]).to.include({ authentication: 'local' });
  });

  it('is refused to strangers from elsewhere, before anything is computed', async () => {
    const { login, hashed } = setting();
    expect(await vaultCodeOf(login.setUp(remote, password, password))).to.equal('token_missing');
    expect(await vaultCodeOf(login.setUp(callBy(otherCaller), password, password))).to.equal('permission_denied');
    expect(hashed).to.deep.equal([]);
  });

  it('reports first of all that it was done already', async () => {
    const { login } = setting();
    await login.setUp(local, password, password);
    expect(await vaultCodeOf(login.setUp(remote, 'x', 'y'))).to.equal('already_set_up');
    expect(await vaultCodeOf(login.setUp(callBy(ownerCaller), 'x', 'y'))).to.equal('already_set_up');
  });

  it('is for owners only after a password was withdrawn', async () => {
    const { login, users } = setting();
    users.users.set(owner.id, { ...owner, passwordHash: withdrawnPassword(owner.id) });
    expect(await login.isSetUp()).to.equal(true);
    expect(await vaultCodeOf(login.login(remote, password))).to.equal('password_wrong');
    for (const call of [local, remote, callBy(otherCaller, true)]) {
      expect(await vaultCodeOf(login.setUp(call, password, password))).to.equal('already_set_up');
    }
    await login.setUp(callBy(ownerCaller), password, password);
    expect((await login.login(remote, password)).token).to.match(/^fn_sess_/);
  });

  it('reports that the two differ before that they are short', async () => {
    const { login } = setting();
    expect((await refusalOf(login.setUp(local, 'x', 'y'), VaultError)).details.field).to.equal('confirm');
    const short = await refusalOf(login.setUp(local, '1234567', '1234567'), VaultError);
    expect(short).to.include({ code: 'invalid_argument', message: 'password must be at least 8 characters' });
  });

  it('lets one of two at once succeed', async () => {
    const { login, users } = setting();
    const both = await Promise.allSettled([
      login.setUp(local, password, password),
      login.setUp(callBy(ownerCaller), password, password),
    ]);
    expect(both.map(({ status }) => status)).to.have.members(['fulfilled', 'rejected']);
    expect(users.events).to.have.length(1);
  });

  it('refuses more than 1,024 characters without computing anything', async () => {
    const { login, hashed } = setting();
    const long = 'p'.repeat(1_025);
    expect(await vaultCodeOf(login.setUp(local, long, long))).to.equal('invalid_argument');
    expect(hashed).to.deep.equal([]);
  });
});

describe('logging in', () => {
  it('trades the password for a session of four hours', async () => {
    const { login, users } = setting();
    await login.setUp(callBy(ownerCaller), password, password);
    const { token, expiresAt } = await login.login(remote, password);
    expect(token).to.match(/^fn_sess_/);
    expect(expiresAt.toISOString()).to.equal('2024-01-01T04:00:00.000Z');
    expect(users.sessions).to.have.length(1);
    expect(users.sessions[0]).to.include({ userId: owner.id });
    expect(users.events.at(-1)).to.include({ action: 'sessions.login', outcome: 'OK', actorId: owner.id });
  });

  it('keeps five sessions of a user', async () => {
    const { login, users } = setting();
    await login.setUp(local, password, password);
    for (let round = 0; round < 6; round += 1) await login.login(remote, password);
    expect(users.sessions).to.have.length(5);
  });

  it('holds back the answers to repeated failures, then refuses without computing anything', async () => {
    const { login, waits, hashed } = setting();
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
    const { login, users } = setting();
    await login.setUp(local, password, password);
    await vaultCodeOf(login.login(remote, 'wrong password'));
    const event = users.events.at(-1);
    expect(event).to.include({
      action: 'sessions.login',
      outcome: 'DENIED',
      actorKind: 'anonymous',
      peer: '192.0.2.1',
    });
    expect(JSON.stringify(event)).to.not.include('wrong password');
  });

  it('answers alike whether no password is set or another one', async () => {
    const { login } = setting();
    const before = await refusalOf(login.login(remote, password), VaultError);
    await login.setUp(local, password, password);
    const after = await refusalOf(login.login(remote, 'wrong'), VaultError);
    expect(before.message).to.equal(after.message);
    expect(before.code).to.equal(after.code);
  });

  it('counts a password alike when it is set and when it is sent', async () => {
    const { login } = setting();
    const longest = '😀'.repeat(1_024);
    await login.setUp(local, longest, longest);
    expect((await login.login(remote, longest)).token).to.be.a('string');
    expect(await vaultCodeOf(login.login(remote, `${longest}x`))).to.equal('password_wrong');
  });

  it('takes a password for a wrong one that was withdrawn while it was compared', async () => {
    const { login, users } = setting();
    await login.setUp(callBy(ownerCaller), password, password);
    users.afterLookup = () => users.users.set(owner.id, { ...owner, passwordHash: withdrawnPassword(owner.id) });
    expect(await vaultCodeOf(login.login(remote, password))).to.equal('password_wrong');
    expect(users.sessions).to.deep.equal([]);
  });

  it('does not count an attempt that the store could not serve', async () => {
    const { login, users } = setting();
    await login.setUp(local, password, password);
    users.outage = new VaultError('unavailable', 'the database is away');
    for (let round = 0; round < 6; round += 1)
      expect(await vaultCodeOf(login.login(remote, 'wrong'))).to.equal('unavailable');
    users.outage = undefined;
    expect(await vaultCodeOf(login.login(remote, 'wrong'))).to.equal('password_wrong');
  });
});

describe('logging out', () => {
  it('ends the session of the token, and no other', async () => {
    const { login, users } = setting();
    await login.setUp(local, password, password);
    await login.login(remote, password);
    await login.login(remote, password);
    const [first, second] = users.sessions;
    const caller: Caller = { ...otherCaller, authentication: 'session', sessionId: first?.id ?? '' };
    await login.logout({ ...remote, caller, workspaceId });
    expect(users.sessions).to.deep.equal([second]);
    expect(users.events.at(-1)).to.include({ action: 'sessions.logout', resourceId: first?.id });
  });

  it('leaves an API key as it is', async () => {
    const { login, users } = setting();
    await login.logout({ ...remote, caller: otherCaller, workspaceId });
    expect(users.events).to.deep.equal([]);
  });
});
