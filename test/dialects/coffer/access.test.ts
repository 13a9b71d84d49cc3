import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { nativeClient, type NativeClient } from './native-client.ts';

const apiKeys = '/v1/workspaces/default/apiKeys';

describe('coffer.v1.AccessService over REST', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let now = new Date('2024-01-01T00:00:00Z');

  before(async () => {
    coffer = await startCoffer({ now: () => now });
    call = nativeClient(coffer.origin, coffer.adminToken);
  });
  after(() => coffer.stop());

  const create = (body: object, token = coffer.adminToken) => call({ method: 'POST', path: apiKeys, body, token });
  const revoke = (id: unknown) => call({ method: 'POST', path: `${apiKeys}/${String(id)}:revoke` });

  it('issues a key whose token proves its holder, and shows the token this once', async () => {
    const chosen = { name: 'billing', role: 'RUNTIME', dialect: 'scale', expires_at: '2025-01-01T00:00:00Z' };
    const { status, headers, body } = await create(chosen);
    expect(status).to.equal(200);
    expect(headers.get('cache-control')).to.equal('no-store');
    const token = String(body['token']);
    expect(token).to.match(/^cof_[A-Za-z0-9_-]{43}$/);
    const { id, created_by, ...rest } = body.api_key;
    expect(rest).to.deep.equal({
      ...chosen,
      workspace_id: coffer.defaultWorkspaceId,
      prefix: token.slice(0, 8),
      without_reveal: false,
      providers: [],
      tags: [],
      credential_ids: [],
      subjects: [],
      created_at: '2024-01-01T00:00:00Z',
    });
    const list = await call({ path: `${apiKeys}?page_size=1000` });
    expect(list.body.api_keys).to.deep.include(body.api_key);
    expect(JSON.stringify(list.body)).not.to.contain(token);
    const who = await call({ path: '/v1/whoami', token });
    expect(who.body).to.include({ kind: 'api_key', id, name: 'billing', user_id: created_by, is_owner: false });
  });

  it('lists the admin key with what it may do', async () => {
    const { body } = await call({ path: `${apiKeys}?page_size=1000` });
    const { id } = (await call({ path: '/v1/whoami' })).body;
    const listed = Array.from(body.api_keys, (key) => Object(key));
    expect(listed.find((key) => key.id === id)).to.include({ role: 'ADMIN' });
    expect(JSON.stringify(body)).not.to.contain('UNSPECIFIED');
  });

  it('describes the admin key as an owner, and ADMIN of the default workspace', async () => {
    const { body } = await call({ path: '/v1/whoami' });
    const id = coffer.defaultWorkspaceId;
    const shortId = `WSP-${id.slice(-17).replace('-', '').toUpperCase()}`;
    expect(body).to.include({ is_owner: true, default_workspace_id: id, default_workspace_short_id: shortId });
    expect(body['grants']).to.deep.include({
      workspace_id: id,
      short_id: shortId,
      role: 'ADMIN',
      without_reveal: false,
      providers: [],
      tags: [],
      credential_ids: [],
      subjects: [],
    });
    expect(body['user_short_id']).to.match(/^USR-[0-9A-F]{16}$/);
  });

  it('shows when a key was last used, soon after', async () => {
    const { body } = await create({ name: 'used', role: 'VIEWER' });
    const token = String(body['token']);
    const lastUsedAt = async () => {
      const list = await call({ path: `${apiKeys}?page_size=1000` });
      return list.body.api_keys.find(({ id }) => id === body.api_key['id'])?.['last_used_at'];
    };
    expect(await lastUsedAt()).to.equal(undefined);
    await call({ path: '/v1/whoami', token });
    // Mocha's timeout ends the patience.
    while ((await lastUsedAt()) === undefined);
    expect(await lastUsedAt()).to.equal('2024-01-01T00:00:00Z');
  });

  it('ends a key at once by revoking it, and revoking it again changes nothing', async () => {
    const { body } = await create({ name: 'brief', role: 'VIEWER' });
    const token = String(body['token']);
    expect((await call({ path: '/v1/whoami', token })).status).to.equal(200);
    const revoked = await revoke(body.api_key['id']);
    expect(revoked.status).to.equal(200);
    const expected = { ...body.api_key, revoked_at: '2024-01-01T00:00:00Z' };
    expect(withoutUse(revoked.body.api_key)).to.deep.equal(withoutUse(expected));
    const refused = await call({ path: '/v1/whoami', token });
    expect([refused.status, refused.body['code']]).to.deep.equal([401, 'unauthenticated']);
    now = new Date('2024-01-02T00:00:00Z');
    const again = await revoke(body.api_key['id']);
    expect(withoutUse(again.body.api_key)).to.deep.equal(withoutUse(revoked.body.api_key));
    now = new Date('2024-01-01T00:00:00Z');
  });

  it('ends a key at the moment of its expiry', async () => {
    const { body } = await create({ name: 'late', role: 'VIEWER', expires_at: '2024-01-01T00:00:01Z' });
    const token = String(body['token']);
    expect((await call({ path: '/v1/whoami', token })).status).to.equal(200);
    now = new Date('2024-01-01T00:00:01Z');
    expect((await call({ path: '/v1/whoami', token })).status).to.equal(401);
    now = new Date('2024-01-01T00:00:00Z');
  });

  it('does not find keys that are absent, of another workspace, or no ids', async () => {
    const made = await call({ method: 'POST', path: '/v1/workspaces', body: { workspace: { name: 'other' } } });
    const path = `/v1/workspaces/${String(made.body.workspace['id'])}/apiKeys`;
    const foreign = await call({ method: 'POST', path, body: { name: 'foreign', role: 'VIEWER' } });
    for (const id of ['018cc251-f400-7000-8000-00000000dead', 'nonsense', foreign.body.api_key['id']]) {
      expect((await revoke(id)).status, String(id)).to.equal(404);
    }
    expect((await call({ path: '/v1/whoami', token: String(foreign.body['token']) })).status).to.equal(200);
  });

  it("keeps the owner's own key out of sight and reach of a workspace's admin", async () => {
    const token = await coffer.issueKey({ role: 'ADMIN' });
    const { body: owner } = await call({ path: '/v1/whoami' });
    const { body } = await call({ path: `${apiKeys}?page_size=1000`, token });
    expect(body.api_keys.map(({ id }) => id)).to.not.include(owner['id']);
    const refused = await call({ method: 'POST', path: `${apiKeys}/${String(owner['id'])}:revoke`, token });
    expect([refused.status, refused.body['code']]).to.deep.equal([404, 'not_found']);
    const { body: whole } = await call({ path: `${apiKeys}?page_size=1000` });
    expect(whole.api_keys.map(({ id }) => id)).to.include(owner['id']);
  });

  for (const role of ['VIEWER', 'RUNTIME', 'EDITOR'] as const) {
    it(`is not for a key of ${role}, but for asking who it is`, async () => {
      const token = await coffer.issueKey({ role });
      const replies = [
        await create({ name: 'n', role: 'VIEWER' }, token),
        await call({ path: apiKeys, token }),
        await call({ method: 'POST', path: `${apiKeys}/x:revoke`, token }),
      ];
      expect(replies.map(({ status }) => status)).to.deep.equal([403, 403, 403]);
      const { body } = await call({ path: '/v1/whoami', token });
      expect(body['grants']).to.have.nested.property('0.role', role);
    });
  }

  it('lets no caller grant more than they have', async () => {
    const token = await coffer.issueKey({ role: 'ADMIN', withoutReveal: true });
    const refused = await create({ name: 'more', role: 'RUNTIME' }, token);
    expect([refused.status, refused.body['code']]).to.deep.equal([403, 'permission_denied']);
    const granted = await create({ name: 'less', role: 'EDITOR', without_reveal: true }, token);
    expect(granted.body.api_key).to.include({ role: 'EDITOR', without_reveal: true });
  });

  it('lets no key issue one that outlives it', async () => {
    const expires_at = '2024-06-01T00:00:00Z';
    const { body } = await create({ name: 'brief', role: 'ADMIN', expires_at });
    const token = String(body['token']);
    for (const later of [{}, { expires_at: '2024-06-01T00:00:00.001Z' }]) {
      const refused = await create({ name: 'heir', role: 'ADMIN', ...later }, token);
      expect([refused.status, refused.body['code']]).to.deep.equal([403, 'permission_denied']);
      expect(refused.body.message).to.contain('outlive');
    }
    expect((await create({ name: 'heir', role: 'ADMIN', expires_at }, token)).body.api_key).to.include({ expires_at });
  });

  const refusals: Record<string, { readonly body: object; readonly field: string }> = {
    'no name': { body: { role: 'VIEWER' }, field: 'name' },
    'a blank name': { body: { name: ' ', role: 'VIEWER' }, field: 'name' },
    'a name of 256 characters': { body: { name: 'n'.repeat(256), role: 'VIEWER' }, field: 'name' },
    'no role': { body: { name: 'n' }, field: 'role' },
    'the role of nobody': { body: { name: 'n', role: 'ROLE_UNSPECIFIED' }, field: 'role' },
    'an unknown role': { body: { name: 'n', role: 'OWNER' }, field: 'role' },
    'a number that is no role': { body: { name: 'n', role: 9 }, field: 'role' },
    'an unknown dialect': { body: { name: 'n', role: 'VIEWER', dialect: 'nonsense' }, field: 'dialect' },
    'a time that is none': { body: { name: 'n', role: 'VIEWER', expires_at: 'soon' }, field: 'expires_at' },
    'a token of its own': { body: { name: 'n', role: 'VIEWER', token: 'cof_x' }, field: 'token' },
  };
  for (const [title, { body, field }] of Object.entries(refusals)) {
    it(`issues no key with ${title}`, async () => {
      const reply = await create(body);
      expect([reply.status, reply.body['code']]).to.deep.equal([400, 'invalid_argument']);
      expect(reply.body.message).to.contain(field);
    });
  }

  it('takes a token by x-api-key as by authorization, and not two that differ', async () => {
    const token = await coffer.issueKey({ role: 'VIEWER' });
    const who = async (headers: Record<string, string>) => {
      const response = await fetch(`${coffer.origin}/v1/whoami`, { headers });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await who({ 'x-api-key': token })).to.equal(200);
    expect(await who({ authorization: `Bearer ${token}`, 'x-api-key': token })).to.equal(200);
    expect(await who({ authorization: `Bearer ${token}`, 'x-api-key': coffer.adminToken })).to.equal(401);
    expect(await who({})).to.equal(401);
  });
});

/** A key but for when it was last used, which may be noted at any moment. */
function withoutUse(apiKey: Readonly<Record<string, unknown>>): object {
  return { ...apiKey, last_used_at: undefined };
}
