import { expect } from 'chai';
import { apiKeyMethod } from '../../src/authentication/lookup-methods.ts';
import type { ApiKey } from '../../src/vault/identity/identity.ts';
import { clock, MemoryAccessStore, now, someApiKey, someUser } from './memory-access-store.ts';
import { vaultCodeOf } from '../support/refusals.ts';

const token = `cof_${'k'.repeat(43)}`;
const signal = new AbortController().signal;
const owner = someUser({ isOwner: true });
const memberships = [
  { workspaceId: '018cc251-f400-7000-8000-00000000000a', userId: owner.id, role: 'ADMIN', mayReveal: true },
  { workspaceId: '018cc251-f400-7000-8000-00000000000b', userId: owner.id, role: 'VIEWER', mayReveal: false },
] as const;

const authenticateBy = (change: Partial<ApiKey>) => {
  const store = new MemoryAccessStore({ user: owner, memberships, apiKeys: [someApiKey(token, change)] });
  return apiKeyMethod.authenticate(token, { store, clock }, signal);
};

describe('apiKeyMethod', () => {
  it('refuses the personal key of a deactivated user, and no key that the user issued for a workspace', async () => {
    const deactivated = someUser({ deactivatedAt: now });
    const refusals = { null: 'token_invalid', EDITOR: undefined };
    for (const role of [null, 'EDITOR'] as const) {
      const store = new MemoryAccessStore({ user: deactivated, apiKeys: [someApiKey(token, { role })] });
      const refusal = await vaultCodeOf(apiKeyMethod.authenticate(token, { store, clock }, signal));
      expect(refusal).to.equal(refusals[`${role}`]);
    }
  });

  it('gives a workspace key only its own grant, although its issuer owns the instance', async () => {
    expect(await authenticateBy({ role: 'RUNTIME', mayReveal: false, dialect: 'flowise' })).to.deep.equal({
      kind: 'api_key',
      id: '018cc251-f400-7000-8000-000000000002',
      name: 'billing',
      userId: owner.id,
      authentication: 'api_key',
      sessionId: null,
      expiresAt: null,
      isOwner: false,
      defaultWorkspaceId: '018cc251-f400-7000-8000-00000000000b',
      grants: [{ workspaceId: '018cc251-f400-7000-8000-00000000000b', role: 'RUNTIME', mayReveal: false }],
      dialect: 'flowise',
    });
  });

  it('lets a personal key do what its user may', async () => {
    const caller = await authenticateBy({ role: null });
    expect(caller).to.include({ kind: 'api_key', isOwner: true, userId: owner.id });
    expect(caller.grants).to.deep.equal([
      { workspaceId: '018cc251-f400-7000-8000-00000000000a', role: 'ADMIN', mayReveal: true },
      { workspaceId: '018cc251-f400-7000-8000-00000000000b', role: 'VIEWER', mayReveal: false },
    ]);
  });

  it('refuses a key that was revoked', async () => {
    expect(await vaultCodeOf(authenticateBy({ revokedAt: now }))).to.equal('token_invalid');
  });

  it('refuses a key at the very moment of its expiry, and not before', async () => {
    expect(await vaultCodeOf(authenticateBy({ expiresAt: now }))).to.equal('token_expired');
    expect(await vaultCodeOf(authenticateBy({ expiresAt: new Date(now.getTime() + 1) }))).to.equal(undefined);
  });

  it('reports a key that was revoked and has expired as revoked', async () => {
    expect(await vaultCodeOf(authenticateBy({ revokedAt: now, expiresAt: now }))).to.equal('token_invalid');
  });

  it('refuses an unknown token', async () => {
    const proving = apiKeyMethod.authenticate(token, { store: new MemoryAccessStore({}), clock }, signal);
    expect(await vaultCodeOf(proving)).to.equal('token_invalid');
  });

  it('accepts cof_ and 43 base64url characters, and nothing else', () => {
    expect(apiKeyMethod.accepts(token)).to.equal(true);
    for (const text of ['', 'cof_', token.slice(1), `${token}k`, `${token.slice(0, -1)}=`, `${token}\n`]) {
      expect(apiKeyMethod.accepts(text), JSON.stringify(text)).to.equal(false);
    }
  });
});
