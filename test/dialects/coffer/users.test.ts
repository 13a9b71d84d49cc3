import { expect } from 'chai';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { nativeClient, type NativeClient, type NativeReply } from './native-client.ts';

const password = 'correct horse';

function refusal({ status, body }: NativeReply): unknown[] {
  return [status, body['code'], body.message];
}

describe('the users of an instance, over REST', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let now = new Date('2024-01-01T00:00:00Z');

  before(async () => {
    coffer = await startCoffer({ now: () => now });
    call = nativeClient(coffer.origin, coffer.adminToken);
  });
  after(() => coffer.stop());
  // What was guessed wrongly is forgotten.
  beforeEach(() => {
    now = new Date(now.getTime() + 120_000);
  });

  const create = (user: object, token = coffer.adminToken) =>
    call({ method: 'POST', path: '/v1/users', body: { user, password }, token });
  const anonymous = (path: string, body: object) =>
    call({ method: 'POST', path, body, token: '', headers: { authorization: '' } });
  const login = (user: unknown, sent = password) => anonymous('/v1/login', { user, password: sent });
  const who = async (token: unknown) => (await call({ path: '/v1/whoami', token: String(token) })).status;
  async function query<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
    const session = new Client(coffer.database.connection);
    await session.connect();
    try {
      return (await session.query<Row>(text, values)).rows;
    } finally {
      await session.end();
    }
  }
  const change = (token: unknown, current_password: string, new_password: string) =>
    call({
      method: 'POST',
      path: '/v1/changePassword',
      body: { current_password, new_password },
      token: String(token),
    });

  it('are made by owners, shown without their passwords, and are members of nothing', async () => {
    const { status, body } = await create({ name: 'alice' });
    expect(status).to.equal(200);
    const { id, short_id, ...rest } = body.user;
    expect(rest).to.deep.equal({
      name: 'alice',
      is_owner: false,
      default_workspace_id: coffer.defaultWorkspaceId,
      default_workspace_short_id: coffer.defaultWorkspaceShortId,
      created_at: now.toISOString().replace('.000', ''),
    });
    for (const spelling of [id, short_id]) {
      expect((await call({ path: `/v1/users/${String(spelling)}` })).body.user).to.deep.equal(body.user);
    }
    const { token } = (await login('alice')).body;
    const me = await call({ path: '/v1/whoami', token: String(token) });
    expect(me.body).to.deep.include({ kind: 'user', id, name: 'alice', is_owner: false, grants: [] });
    expect((await call({ path: '/v1/workspaces/default/credentials', token: String(token) })).status).to.equal(404);
  });

  it('are listed in the order of their ids, page by page', async () => {
    const made = [(await create({ name: 'l1' })).body.user['id'], (await create({ name: 'l2' })).body.user['id']];
    const walked: string[] = [];
    let token = '';
    do {
      const { body } = await call({ path: `/v1/users?page_size=2&page_token=${token}` });
      walked.push(...body.users.map(({ id }) => String(id)));
      token = body.next_page_token;
    } while (token !== '');
    expect(walked.slice(-2)).to.deep.equal(made);
    expect(walked).to.deep.equal(walked.toSorted((one, other) => (one < other ? -1 : 1)));
    expect(walked[0]).to.equal((await call({ path: '/v1/whoami' })).body['user_id']);
  });

  it('may be owners, who manage the instance and yet read nothing', async () => {
    await create({ name: 'second owner', is_owner: true });
    const { token } = (await login('second owner')).body;
    const made = await create({ name: 'made by the second' }, String(token));
    expect(made.status).to.equal(200);
    expect((await call({ path: '/v1/workspaces/default/credentials', token: String(token) })).status).to.equal(404);
  });

  it('have the default workspace that was chosen for them', async () => {
    const workspace = await coffer.createWorkspace('theirs');
    const { body } = await create({ name: 'housed', default_workspace_id: workspace });
    expect(body.user).to.include({ default_workspace_id: workspace });
    expect(refusal(await create({ name: 'x', default_workspace_id: 'nonsense' })).slice(0, 2)).to.deep.equal([
      404,
      'not_found',
    ]);
  });

  it('are shown to owners only', async () => {
    await create({ name: 'curious' });
    const session = String((await login('curious')).body['token']);
    for (const token of [await coffer.issueKey({ role: 'ADMIN' }), session]) {
      const replies = [
        await create({}, token),
        await call({ path: '/v1/users', token }),
        await call({ path: '/v1/users/x', token }),
      ];
      expect(replies.map(({ status }) => status)).to.deep.equal([403, 403, 403]);
    }
  });

  for (const [title, body] of Object.entries({
    'no user': { password },
    'no name': { user: {}, password },
    'a blank name': { user: { name: ' ' }, password },
    'a name of 256 characters': { user: { name: 'n'.repeat(256) }, password },
    'a name with U+0000': { user: { name: 'n\0' }, password },
    'an id for a name': { user: { name: 'USR-00000000DEADBEEF' }, password },
    'no password': { user: { name: 'n' } },
    'a password of 7 characters': { user: { name: 'n' }, password: '1234567' },
    'a password of 1,025 characters': { user: { name: 'n' }, password: 'p'.repeat(1_025) },
  })) {
    it(`are not made with ${title}`, async () => {
      const reply = await call({ method: 'POST', path: '/v1/users', body });
      expect(refusal(reply).slice(0, 2)).to.deep.equal([400, 'invalid_argument']);
      expect(reply.body.message).to.not.contain('1234567');
    });
  }

  it('have names that are unique, the owner’s among them', async () => {
    await create({ name: 'unique' });
    for (const name of ['unique', 'owner']) {
      expect(refusal(await create({ name })).slice(0, 2)).to.deep.equal([409, 'already_exists']);
    }
  });

  it('log in by their name, or by either spelling of their id, for four hours', async () => {
    const { body } = await create({ name: 'bob' });
    for (const spelling of ['bob', body.user['id'], body.user['short_id']]) {
      const reply = await login(spelling);
      expect(reply.status).to.equal(200);
      expect(reply.headers.get('cache-control')).to.equal('no-store');
      expect(reply.body['token']).to.match(/^fn_sess_[0-9a-f]{64}$/);
      expect(reply.body['expires_at']).to.equal(
        new Date(now.getTime() + 4 * 3_600_000).toISOString().replace('.000', ''),
      );
      expect(await who(reply.body['token'])).to.equal(200);
    }
  });

  it('are unknown, and have another password, by the same answer', async () => {
    await create({ name: 'known' });
    const replies = [await login('known', 'wrong'), await login('nobody'), await login('USR-00000000DEADBEEF')];
    for (const reply of replies) expect(refusal(reply)).to.deep.equal([401, 'unauthenticated', 'invalid password']);
  });

  it('log out of one session only, at once', async () => {
    await create({ name: 'leaving' });
    const [first, second] = [(await login('leaving')).body['token'], (await login('leaving')).body['token']];
    const reply = await call({ method: 'POST', path: '/v1/logout', token: String(first) });
    expect([reply.status, reply.body]).to.deep.equal([200, {}]);
    expect([await who(first), await who(second)]).to.deep.equal([401, 200]);
  });

  it('change their password, which ends their other sessions and the old password', async () => {
    await create({ name: 'careful' });
    const [own, other] = [(await login('careful')).body['token'], (await login('careful')).body['token']];
    expect((await change(own, password, 'another horse')).status).to.equal(200);
    expect([await who(own), await who(other)]).to.deep.equal([200, 401]);
    expect((await login('careful')).status).to.equal(401);
    expect((await login('careful', 'another horse')).status).to.equal(200);
  });

  it('do not change it with a wrong one, nor to a short one', async () => {
    await create({ name: 'hasty' });
    const { token } = (await login('hasty')).body;
    const wrong = await change(token, 'wrong horse', 'another horse');
    expect(refusal(wrong)).to.deep.equal([400, 'invalid_argument', 'current_password is wrong']);
    expect(wrong.body.details[0]?.debug).to.include({ reason: 'PASSWORD_WRONG' });
    expect((await change(token, password, 'short')).body.message).to.contain('new_password');
    expect((await login('hasty')).status).to.equal(200);
  });

  it('can not have it changed by an API key that they issued, nor by an owner’s who has none', async () => {
    const key = await coffer.issueKey({ role: 'ADMIN' });
    for (const token of [key, coffer.adminToken]) {
      expect(refusal(await change(token, password, 'another horse')).slice(0, 2)).to.deep.equal([
        403,
        'permission_denied',
      ]);
    }
  });

  it('are throttled when they guess, each of them, however they are named, and no others', async () => {
    const { body } = await create({ name: 'guessed' });
    await create({ name: 'bystander' });
    const names = ['guessed', body.user['id'], body.user['short_id'], 'guessed', 'guessed'];
    const answers = await Promise.all(names.map((name) => login(name, 'wrong')));
    expect(answers.map(({ status }) => status)).to.deep.equal([401, 401, 401, 401, 401]);
    const refused = await login('guessed');
    expect(refusal(refused).slice(0, 2)).to.deep.equal([429, 'resource_exhausted']);
    expect(refused.headers.get('retry-after')).to.equal('60');
    expect((await login('bystander')).status).to.equal(200);
  });

  it('leave Fishnet’s login, which names no user, to the user of the first set-up', async () => {
    const owners = { token: coffer.adminToken, method: 'POST', path: '/api/auth/setup' } as const;
    const chosen = 'the owner’s own';
    const set = await call({ ...owners, body: { password: chosen, confirm: chosen } });
    expect(set.status).to.equal(200);
    expect((await anonymous('/api/auth/login', { password })).status).to.equal(401);
    const { token } = (await anonymous('/api/auth/login', { password: chosen })).body;
    const me = await call({ path: '/v1/whoami', token: String(token) });
    expect(me.body).to.include({ name: 'owner', is_owner: true });
    expect((await login('owner', chosen)).status).to.equal(200);
  });

  const deactivate = (id: unknown, token = coffer.adminToken) =>
    call({ method: 'POST', path: `/v1/users/${String(id)}:deactivate`, token });

  it('are deactivated at once and for good, while the keys that they issued for workspaces stay', async () => {
    const { id } = (await create({ name: 'leaver' })).body.user;
    const member = { member: { user_id: id, role: 'ADMIN' } };
    await call({ method: 'POST', path: '/v1/workspaces/default/members', body: member });
    const session = String((await login('leaver')).body['token']);
    const key = { name: 'service', role: 'VIEWER' };
    const path = '/v1/workspaces/default/apiKeys';
    const issued = String((await call({ method: 'POST', path, body: key, token: session })).body['token']);
    const reply = await deactivate(id);
    expect(reply.status).to.equal(200);
    expect(reply.body.user).to.include({ id, deactivated_at: now.toISOString().replace('.000', '') });
    expect([await who(session), await who(issued)]).to.deep.equal([401, 200]);
    expect(refusal(await login('leaver'))).to.deep.equal([401, 'unauthenticated', 'invalid password']);
    expect((await login(id)).status).to.equal(401);
    const again = await call({ method: 'POST', path: '/v1/workspaces/default/members', body: member });
    expect(again.status).to.equal(404);
    now = new Date(now.getTime() + 1_000);
    expect((await deactivate(id)).body).to.deep.equal(reply.body);
    expect((await create({ name: 'leaver' })).status).to.equal(200);
  });

  it('are deactivated by owners only, who find no absent ones', async () => {
    const { id } = (await create({ name: 'stayer' })).body.user;
    expect((await deactivate(id, await coffer.issueKey({ role: 'ADMIN' }))).status).to.equal(403);
    for (const absent of ['018cc251-f400-7000-8000-00000000dead', 'nonsense']) {
      expect((await deactivate(absent)).status).to.equal(404);
    }
    expect((await login('stayer')).status).to.equal(200);
  });

  it('leave each line in the trail, without any password', async () => {
    const { body } = await create({ name: 'traced' });
    const id = body.user['id'];
    await login('traced', 'wrong horse');
    const { token } = (await login('traced')).body;
    await change(token, password, 'another horse');
    const rows = await query<{ line: string }>(
      `select action || ' ' || outcome as line from audit_event where resource_id = $1 order by seq`,
      [id],
    );
    expect(rows.map(({ line }) => line)).to.deep.equal([
      'users.create OK',
      'sessions.login DENIED',
      'users.change_password OK',
    ]);
    const whole = JSON.stringify(await query('select * from audit_event', []));
    for (const text of [password, 'wrong horse', 'another horse']) expect(whole).to.not.contain(text);
  });
});
