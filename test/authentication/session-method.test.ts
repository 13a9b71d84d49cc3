import { expect } from 'chai';
import { sessionMethod } from '../../src/authentication/lookup-methods.ts';
import type { Session } from '../../src/vault/identity/identity.ts';
import { clock, MemoryAccessStore, now, someSession, someUser } from './memory-access-store.ts';
import { vaultCodeOf } from '../support/refusals.ts';

const token = `fn_sess_${'0a'.repeat(32)}`;
const signal = new AbortController().signal;
const user = someUser();
const memberships = [
  { workspaceId: user.defaultWorkspaceId, userId: user.id, role: 'EDITOR', mayReveal: false },
] as const;

const authenticateBy = (change: Partial<Session>) => {
  const store = new MemoryAccessStore({ user, memberships, sessions: [someSession(token, change)] });
  return sessionMethod.authenticate(token, { store, clock }, signal);
};

describe('sessionMethod', () => {
  it('answers the user who logged in, with memberships and session', async () => {
    expect(await authenticateBy({})).to.deep.equal({
      kind: 'user',
      id: user.id,
      name: 'dashboard',
      userId: user.id,
      authentication: 'session',
      sessionId: '018cc251-f400-7000-8000-000000000003',
      expiresAt: null,
      isOwner: false,
      defaultWorkspaceId: user.defaultWorkspaceId,
      grants: [{ workspaceId: user.defaultWorkspaceId, role: 'EDITOR', mayReveal: false }],
      dialect: null,
    });
  });

  it('refuses a session at the very moment of its expiry, and not before', async () => {
    expect(await vaultCodeOf(authenticateBy({ expiresAt: now }))).to.equal('token_expired');
    expect(await vaultCodeOf(authenticateBy({ expiresAt: new Date(now.getTime() + 1) }))).to.equal(undefined);
  });

  it('refuses a session that was ended', async () => {
    const proving = sessionMethod.authenticate(
      token,
      { store: new MemoryAccessStore({ user, memberships }), clock },
      signal,
    );
    expect(await vaultCodeOf(proving)).to.equal('token_invalid');
  });

  it('refuses the session of a user who was deactivated', async () => {
    const deactivated = someUser({ deactivatedAt: now });
    const store = new MemoryAccessStore({ user: deactivated, memberships, sessions: [someSession(token)] });
    expect(await vaultCodeOf(sessionMethod.authenticate(token, { store, clock }, signal))).to.equal('token_invalid');
  });

  it('accepts fn_sess_ and 64 lower-case hex digits, and nothing else', () => {
    expect(sessionMethod.accepts(token)).to.equal(true);
    for (const text of ['', 'fn_sess_', token.slice(0, -1), `${token}0`, token.toUpperCase(), `${token}\n`]) {
      expect(sessionMethod.accepts(text), JSON.stringify(text)).to.equal(false);
    }
  });
});
