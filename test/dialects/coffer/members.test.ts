import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { createCredential, nativeClient, type NativeClient } from './native-client.ts';

const password = 'correct horse';

describe('the members of a workspace, over REST', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let owner: { readonly id: string; readonly shortId: string };
  /** A user who may log in, and is an EDITOR of the default workspace who may not reveal. */
  let user: { readonly id: string; readonly shortId: string; readonly token: string };

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = nativeClient(coffer.origin, coffer.adminToken);
    owner = await who(coffer.adminToken);
    const auth = { method: 'POST', token: '', headers: { authorization: '' } } as const;
    await call({ ...auth, path: '/api/auth/setup', body: { password, confirm: password } });
    const { body } = await call({ ...auth, path: '/api/auth/login', body: { password } });
    const token = String(body['token']);
    user = { ...(await who(token)), token };
  });
  after(() => coffer.stop());

  async function who(token: string) {
    const { body } = await call({ path: '/v1/whoami', token });
    return { id: String(body['user_id']), shortId: String(body['user_short_id']) };
  }

  async function createWorkspace(): Promise<string> {
    return `/v1/workspaces/${await coffer.createWorkspace('one')}`;
  }

  const add = (workspace: string, member: object, token = coffer.adminToken) =>
    call({ method: 'POST', path: `${workspace}/members`, body: { member }, token });
  const remove = (workspace: string, id: string, token = coffer.adminToken) =>
    call({ method: 'DELETE', path: `${workspace}/members/${id}`, token });

  it('may do at once what they were granted, and no more', async () => {
    const workspace = await createWorkspace();
    expect((await call({ path: workspace, token: user.token })).status).to.equal(404);
    const { status, body } = await add(workspace, { user_id: user.id, role: 'EDITOR', without_reveal: true });
    expect(status).to.equal(200);
    expect(body.member).to.deep.equal({
      user_id: user.id,
      short_id: user.shortId,
      name: 'dashboard',
      role: 'EDITOR',
      without_reveal: true,
    });
    const own = nativeClient(coffer.origin, user.token);
    const id = await createCredential(own, { name: 'n' }, workspace.slice('/v1/workspaces/'.length));
    const reveal = { method: 'POST', path: `${workspace}/credentials/${id}:reveal`, token: user.token };
    expect((await call(reveal)).status).to.equal(403);
    await add(workspace, { user_id: user.shortId, role: 'RUNTIME' });
    expect((await call(reveal)).status).to.equal(200);
  });

  it('may do nothing any more once they were removed, while the keys that they issued stay', async () => {
    const workspace = await createWorkspace();
    await add(workspace, { user_id: user.id, role: 'ADMIN' });
    const issued = await call({
      method: 'POST',
      path: `${workspace}/apiKeys`,
      body: { name: 'service', role: 'VIEWER' },
      token: user.token,
    });
    const removed = await remove(workspace, user.shortId);
    expect(removed.body.member).to.include({ user_id: user.id, role: 'ADMIN' });
    expect((await call({ path: workspace, token: user.token })).status).to.equal(404);
    expect((await call({ path: workspace, token: String(issued.body['token']) })).status).to.equal(200);
    const again = await remove(workspace, user.id);
    expect([again.status, again.body['code']]).to.deep.equal([404, 'not_found']);
  });

  it('are listed in the order of their ids, page by page', async () => {
    const workspace = await createWorkspace();
    await add(workspace, { user_id: user.id, role: 'VIEWER' });
    const first = await call({ path: `${workspace}/members?page_size=1` });
    expect(first.body.members.map(({ user_id }) => user_id)).to.deep.equal([owner.id]);
    const next = await call({ path: `${workspace}/members?page_size=1&page_token=${first.body.next_page_token}` });
    expect(next.body.members.map(({ user_id }) => user_id)).to.deep.equal([user.id]);
    expect(next.body.next_page_token).to.equal('');
  });

  it('are granted no more than the one has who adds them', async () => {
    const workspaceId = await coffer.createWorkspace('mine');
    const token = await coffer.issueKey({ role: 'ADMIN', workspaceId, withoutReveal: true });
    const workspace = `/v1/workspaces/${workspaceId}`;
    const refused = await add(workspace, { user_id: user.id, role: 'RUNTIME' }, token);
    expect([refused.status, refused.body['code']]).to.deep.equal([403, 'permission_denied']);
    expect((await add(workspace, { user_id: user.id, role: 'RUNTIME', without_reveal: true }, token)).status).to.equal(
      200,
    );
  });

  it('are not added by a key that ends', async () => {
    const key = { name: 'brief', role: 'ADMIN', expires_at: '2024-06-01T00:00:00Z' };
    const issued = await call({ method: 'POST', path: '/v1/workspaces/default/apiKeys', body: key });
    const member = { user_id: user.id, role: 'VIEWER' };
    const refused = await add('/v1/workspaces/default', member, String(issued.body['token']));
    expect([refused.status, refused.body['code']]).to.deep.equal([403, 'permission_denied']);
  });

  it('keep their last ADMIN', async () => {
    const workspace = await createWorkspace();
    for (const reply of [
      await remove(workspace, owner.id),
      await add(workspace, { user_id: owner.id, role: 'EDITOR' }),
    ]) {
      expect([reply.status, reply.body['code']]).to.deep.equal([400, 'invalid_argument']);
      expect(reply.body.details[0]?.debug).to.include({ reason: 'LAST_ADMIN' });
    }
    expect((await call({ path: `${workspace}/members` })).body.members).to.have.length(1);
  });

  it('are no business of an owner of the instance who is none of them', async () => {
    const workspace = await createWorkspace();
    await add(workspace, { user_id: user.id, role: 'ADMIN' });
    await remove(workspace, owner.id);
    const replies = [
      await add(workspace, { user_id: owner.id, role: 'VIEWER' }),
      await remove(workspace, user.id),
      await call({ path: `${workspace}/members` }),
    ];
    expect(replies.map(({ status }) => status)).to.deep.equal([404, 404, 404]);
  });

  for (const role of ['VIEWER', 'RUNTIME', 'EDITOR'] as const) {
    it(`are no business of a key of ${role}`, async () => {
      const token = await coffer.issueKey({ role });
      const workspace = '/v1/workspaces/default';
      const replies = [
        await add(workspace, { user_id: user.id, role: 'VIEWER' }, token),
        await remove(workspace, user.id, token),
        await call({ path: `${workspace}/members`, token }),
      ];
      expect(replies.map(({ status }) => status)).to.deep.equal([403, 403, 403]);
    });
  }

  for (const id of ['018cc251-f400-7000-8000-00000000dead', 'USR-00000000DEADBEEF', 'nonsense']) {
    it(`can not be ${id}, which is unknown`, async () => {
      const workspace = '/v1/workspaces/default';
      const replies = [await add(workspace, { user_id: id, role: 'VIEWER' }), await remove(workspace, id)];
      expect(replies.map(({ status, body }) => [status, body.message])).to.deep.equal([
        [404, 'user not found'],
        [404, 'user not found'],
      ]);
    });
  }

  for (const [title, body] of Object.entries({
    'no member': {},
    'no user': { member: { role: 'VIEWER' } },
    'no role': { member: { user_id: 'x' } },
    'the role of nobody': { member: { user_id: 'x', role: 'ROLE_UNSPECIFIED' } },
    'the role of an owner': { member: { user_id: 'x', role: 'OWNER' } },
    'a number that is no role': { member: { user_id: 'x', role: 9 } },
  })) {
    it(`are not added with ${title}`, async () => {
      const reply = await call({ method: 'POST', path: '/v1/workspaces/default/members', body });
      expect([reply.status, reply.body['code']]).to.deep.equal([400, 'invalid_argument']);
    });
  }
});
