import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { createCredential, nativeClient, type NativeClient, type NativeReply } from './native-client.ts';

const credentials = '/v1/workspaces/default/credentials';
const dayMs = 86_400_000;

describe('the versions of a secret over REST', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let nowMs = Date.parse('2024-01-01T00:00:00Z');
  let id: string;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date(nowMs), environment: { COFFER_VERSIONS_MAX: '3' } });
    call = nativeClient(coffer.origin, coffer.adminToken);
  });
  after(() => coffer.stop());
  beforeEach(async () => {
    id = await createCredential(call);
  });

  const post = (path: string, body: object = {}, token = coffer.adminToken) =>
    call({ method: 'POST', path: `${credentials}/${id}${path}`, body, token });
  const add = (key: string, more: object = {}) => post('/versions', { secret: { api_key: key }, ...more });
  const reveal = (version: number) => post(':reveal', { version });
  const restore = (version: number, more: object = {}) => post(`/versions/${version}:restore`, more);
  const destroy = (version: number, more: object = {}) => post(`/versions/${version}:destroy`, more);
  const compare = (version: number, other_version: number) => post('/versions:compare', { version, other_version });
  const list = async (query = '') => call({ path: `${credentials}/${id}/versions${query}` });
  const describeIt = async () => (await call({ path: `${credentials}/${id}` })).body.credential;

  /** The numbers and states of the versions, the newest first. */
  async function states(query = ''): Promise<string[]> {
    const { versions } = Object((await list(query)).body);
    return Object.values(Object(versions)).map((one) => `${Object(one).version} ${Object(one).state}`);
  }

  async function events(): Promise<string[]> {
    const { body } = await call({ path: `/v1/workspaces/default/auditEvents?resource_id=${id}` });
    return Object.values(Object(body['audit_events']))
      .map((one) => `${Object(one).action} ${Object(one).outcome} ${Object(one).version || ''}`.trim())
      .toReversed();
  }

  it('are added with who made them and when, and the newest is current', async () => {
    nowMs = Date.parse('2024-01-01T00:00:05Z');
    const { body, headers } = await expectOk(add('sk-2'));
    const { created_by, ...credential } = body.credential;
    const made = { created_at: '2024-01-01T00:00:05Z', created_by };
    expect(body['version']).to.deep.equal({ version: 2, state: 'CURRENT', ...made });
    expect(credential).to.include({ id, current_version: 2, etag: '2', updated_at: made.created_at });
    expect(headers.get('etag')).to.equal('"2"');
    expect((await reveal(0)).body).to.deep.equal({ secret: { api_key: 'sk-2' }, version: 2 });
    expect((await reveal(1)).body).to.deep.equal({ secret: { api_key: 'sk-1' }, version: 1 });
    expect(await states()).to.deep.equal(['2 CURRENT', '1 SUPERSEDED']);
  });

  it('are added also where the content is that of the current one', async () => {
    await expectOk(add('sk-1'));
    expect(await states()).to.deep.equal(['2 CURRENT', '1 SUPERSEDED']);
  });

  it('are added and restored while the credential is inactive, and by its short id', async () => {
    await post(':deactivate');
    const shortId = String((await describeIt())['short_id']);
    const body = { secret: { api_key: 'sk-2' } };
    const path = `${credentials}/${shortId}/versions`;
    await expectOk(call({ method: 'POST', path, body }));
    await expectOk(call({ method: 'POST', path: `${path}/1:restore`, body: {} }));
    expectRefusal(await reveal(1), 400, 'failed_precondition', 'CREDENTIAL_INACTIVE');
    expectRefusal(await compare(1, 2), 400, 'failed_precondition', 'CREDENTIAL_INACTIVE');
  });

  it('are restored as the next one, without being revealed', async () => {
    await add('sk-2');
    const { body } = await expectOk(restore(1));
    expect(body['version']).to.include({ version: 3, state: 'CURRENT' });
    expect(JSON.stringify(body)).not.to.include('sk-1');
    expect((await reveal(0)).body).to.deep.equal({ secret: { api_key: 'sk-1' }, version: 3 });
    expect(await states()).to.deep.equal(['3 CURRENT', '2 SUPERSEDED', '1 SUPERSEDED']);
    await expectOk(restore(0));
    expect((await reveal(4)).body).to.deep.equal({ secret: { api_key: 'sk-1' }, version: 4 });
  });

  it('are destroyed for ever, and stay in the list', async () => {
    await add('sk-2');
    const { body } = await expectOk(destroy(1));
    expect(body['version']).to.include({ version: 1, state: 'DESTROYED' });
    expect(body.credential).to.include({ current_version: 2, etag: '3' });
    expect(await states()).to.deep.equal(['2 CURRENT', '1 DESTROYED']);
    for (const refused of [
      await reveal(1),
      await restore(1),
      await destroy(1),
      await compare(2, 1),
      await compare(1, 0),
    ]) {
      expectRefusal(refused, 400, 'failed_precondition', 'VERSION_DESTROYED');
    }
    expect((await reveal(0)).body).to.deep.equal({ secret: { api_key: 'sk-2' }, version: 2 });
  });

  it('are not destroyed while they are current', async () => {
    for (const version of [0, 1]) {
      expectRefusal(await destroy(version), 400, 'failed_precondition', 'VERSION_IS_CURRENT');
    }
  });

  it('are named by numbers that exist, or 0', async () => {
    for (const version of [2, 7, 2_147_483_647]) {
      const refused = [
        await reveal(version),
        await restore(version),
        await destroy(version),
        await compare(0, version),
      ];
      for (const one of refused) expectRefusal(one, 400, 'failed_precondition', 'VERSION_NOT_FOUND');
    }
    for (const refused of [
      await reveal(-1),
      await restore(-1),
      await destroy(-1),
      await compare(-1, 1),
      await compare(1, -1),
    ]) {
      expect([refused.status, refused.body['code']]).to.deep.equal([400, 'invalid_argument']);
    }
    expect((await reveal(2_147_483_648)).status).to.equal(400);
  });

  it('are compared by fields, never by values', async () => {
    await post('/versions', { secret: { api_key: 'sk-1', region: { of: ['eu'] }, constructor: 'c', old: null } });
    await post('/versions', { secret: { region: { of: ['eu'] }, api_key: 'sk-2', constructor: 'c', note: 'n' } });
    const { body } = await expectOk(compare(2, 3));
    expect(body).to.deep.equal({
      fields: [
        { name: 'api_key', change: 'CHANGED' },
        { name: 'region', change: 'SAME' },
        { name: 'constructor', change: 'SAME' },
        { name: 'old', change: 'REMOVED' },
        { name: 'note', change: 'ADDED' },
      ],
    });
    expect((await compare(0, 3)).body['fields']).to.deep.equal((await compare(3, 3)).body['fields']);
    expect((await describeIt())['use_count']).to.equal('0');
  });

  it('are changed only where the etag is the present one', async () => {
    await add('sk-2');
    for (const stale of [
      await add('sk-3', { etag: '1' }),
      await restore(1, { etag: '"1"' }),
      await destroy(1, { etag: '1' }),
    ]) {
      expectRefusal(stale, 409, 'aborted', 'ETAG_STALE');
      expect(Object(stale.body.details[0]).debug.metadata).to.include({ etag: '2' });
    }
    expect(await states()).to.deep.equal(['2 CURRENT', '1 SUPERSEDED']);
    await expectOk(add('sk-3', { etag: '2' }));
    await expectOk(restore(1, { etag: '"2", "3"' }));
    await expectOk(destroy(1, { etag: '*' }));
    const path = `${credentials}/${id}/versions`;
    const headers = { 'if-match': '"4"' };
    const body = { secret: { api_key: 'sk-5' } };
    expectRefusal(await call({ method: 'POST', path, headers, body }), 409, 'aborted', 'ETAG_STALE');
  });

  it('have at least one field, and no more bytes than a secret', async () => {
    expect((await post('/versions', { secret: {} })).status).to.equal(400);
    expect((await post('/versions', {})).status).to.equal(400);
    expect((await add('x'.repeat(65_536))).status).to.equal(400);
    expect(await states()).to.deep.equal(['1 CURRENT']);
  });

  it('are listed by pages that continue where the last ended', async () => {
    for (const key of ['sk-2', 'sk-3', 'sk-4']) await add(key);
    const first = await expectOk(list('?page_size=3'));
    expect(await states('?page_size=3')).to.deep.equal(['4 CURRENT', '3 SUPERSEDED', '2 SUPERSEDED']);
    const token = first.body.next_page_token;
    await add('sk-5');
    expect(await states(`?page_token=${token}`)).to.deep.equal(['1 SUPERSEDED']);
    expect((await list(`?page_token=${token}`)).body.next_page_token).to.equal('');
    for (const bad of ['x', `${token}!`, Buffer.from(`versions:${id}:0`).toString('base64url')]) {
      expect((await list(`?page_token=${bad}`)).status, bad).to.equal(400);
    }
    expect((await list('?page_size=-1')).status).to.equal(400);
    id = await createCredential(call);
    expect((await list(`?page_token=${token}`)).status).to.equal(400);
  });

  it('are not to be found where the credential was deleted', async () => {
    await add('sk-2');
    await call({ method: 'DELETE', path: `${credentials}/${id}` });
    const calls = [
      await list(),
      await add('k'),
      await reveal(1),
      await restore(1),
      await destroy(1),
      await compare(1, 2),
    ];
    for (const { status } of calls) expect(status).to.equal(404);
  });

  it('are pruned beyond the cap when one is added, except those superseded within a day', async () => {
    nowMs = Date.parse('2024-02-01T00:00:00Z');
    for (const key of ['sk-2', 'sk-3', 'sk-4', 'sk-5']) await add(key);
    expect((await states()).length).to.equal(5);
    nowMs += dayMs - 1;
    await add('sk-6');
    expect((await states()).length).to.equal(6);
    nowMs += 1;
    await destroy(5);
    await add('sk-7');
    expect(await states()).to.deep.equal(['7 CURRENT', '6 SUPERSEDED', '5 DESTROYED']);
    expect((await describeIt())['etag']).to.equal('8');
    for (const version of [1, 4]) {
      expectRefusal(await reveal(version), 400, 'failed_precondition', 'VERSION_NOT_FOUND');
      expectRefusal(await restore(version), 400, 'failed_precondition', 'VERSION_NOT_FOUND');
    }
    expect((await events()).slice(-5)).to.deep.equal([
      'secrets.destroy_version OK 5',
      'secrets.add_version OK 7',
      'secrets.prune_versions OK 4',
      'secrets.reveal DENIED 1',
      'secrets.reveal DENIED 4',
    ]);
    expect((await call({ method: 'POST', path: '/v1/auditTrail:verify', body: {} })).body['intact']).to.equal(true);
  });

  it('are pruned as well when another API replaces the secret', async () => {
    for (const key of ['sk-2', 'sk-3']) await add(key);
    nowMs += 2 * dayMs;
    const path = `/mielto/api/v1/credentials/${id}`;
    await expectOk(call({ method: 'PATCH', path, body: { credentials: { api_key: 'sk-4' } } }));
    expect(await states()).to.deep.equal(['4 CURRENT', '3 SUPERSEDED', '2 SUPERSEDED']);
  });

  it('leave an event each, with their number', async () => {
    await add('sk-2');
    await restore(1);
    await compare(1, 3);
    await reveal(2);
    await destroy(1);
    await compare(1, 3);
    expect(await events()).to.deep.equal([
      'credentials.create OK',
      'secrets.add_version OK 2',
      'secrets.restore_version OK 1',
      'secrets.compare_versions OK 1',
      'secrets.reveal OK 2',
      'secrets.destroy_version OK 1',
      'secrets.compare_versions DENIED 1',
    ]);
  });

  const holders = [
    { role: 'VIEWER', withoutReveal: false, allowed: ['list'] },
    { role: 'RUNTIME', withoutReveal: false, allowed: ['list', 'reveal', 'compare'] },
    { role: 'EDITOR', withoutReveal: true, allowed: ['list', 'add', 'restore'] },
    { role: 'EDITOR', withoutReveal: false, allowed: ['list', 'reveal', 'compare', 'add', 'restore'] },
    { role: 'ADMIN', withoutReveal: true, allowed: ['list', 'add', 'restore', 'destroy'] },
    { role: 'ADMIN', withoutReveal: false, allowed: ['list', 'reveal', 'compare', 'add', 'restore', 'destroy'] },
  ] as const;
  for (const { role, withoutReveal, allowed } of holders) {
    it(`let a key of ${role}${withoutReveal ? ' without reveal' : ''} do: ${allowed.join(', ')}`, async () => {
      await add('sk-2');
      const token = await coffer.issueKey({ role, withoutReveal });
      const path = `${credentials}/${id}/versions`;
      const statuses = {
        list: (await call({ path, token })).status,
        reveal: (await post(':reveal', { version: 1 }, token)).status,
        compare: (await post('/versions:compare', {}, token)).status,
        add: (await post('/versions', { secret: { k: 'v' } }, token)).status,
        restore: (await post('/versions/1:restore', {}, token)).status,
        destroy: (await post('/versions/1:destroy', {}, token)).status,
      };
      const expected = Object.keys(statuses).map((name) => [name, allowed.some((one) => one === name) ? 200 : 403]);
      expect(statuses).to.deep.equal(Object.fromEntries(expected));
    });
  }

  it('decide whether the caller may before whether anything exists or is valid', async () => {
    const token = await coffer.issueKey({ role: 'VIEWER' });
    id = 'nonsense';
    for (const path of [':reveal', '/versions', '/versions/-1:restore', '/versions/-1:destroy', '/versions:compare']) {
      expect((await post(path, { etag: '"' }, token)).status, path).to.be.oneOf([403]);
    }
  });
});

function expectRefusal(reply: NativeReply, status: number, code: string, reason: string): void {
  expect([reply.status, reply.body['code']], JSON.stringify(reply.body)).to.deep.equal([status, code]);
  expect(Object(reply.body.details[0]).debug.reason).to.equal(reason);
}

async function expectOk(reply: Promise<NativeReply>): Promise<NativeReply> {
  const { status, body } = await reply;
  expect(status, JSON.stringify(body)).to.equal(200);
  return reply;
}
