import { expect } from 'chai';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { until } from '../../store/fixtures.ts';
import { restClient } from '../call-rest.ts';
import { createCredential, nativeClient, type NativeClient } from './native-client.ts';

const apiKeys = '/v1/workspaces/default/apiKeys';

describe('API keys that are limited to some credentials, over REST', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let within: string;
  let beyond: string;

  before(async () => {
    coffer = await startCoffer();
    call = nativeClient(coffer.origin, coffer.adminToken);
    within = await createCredential(call, { name: 'within', provider: 'openai', tags: ['prod'] });
    beyond = await createCredential(call, { name: 'beyond', provider: 'slack' });
  });
  after(() => coffer.stop());

  const issue = (body: object) => call({ method: 'POST', path: apiKeys, body: { name: 'n', role: 'EDITOR', ...body } });

  it('show what they are for, to their admins and to their holders', async () => {
    const keyScope = { providers: ['openai'], tags: ['prod', 'test'], credential_ids: [within], subjects: ['alice'] };
    const { body } = await issue({ ...keyScope, credential_ids: [within.toUpperCase()] });
    expect(body.api_key).to.deep.include(keyScope);
    const me = await call({ path: '/v1/whoami', token: String(body['token']) });
    expect(me.body['grants']).to.have.lengthOf(1);
    expect(me.body['grants']).to.have.property('0').that.deep.includes(keyScope);
    const list = await call({ path: `${apiKeys}?page_size=1000` });
    const listed = list.body.api_keys.find(({ id }) => id === Object(body.api_key).id);
    // It was used meanwhile, which may be shown already.
    expect(listed).to.deep.include(body.api_key);
  });

  it('are so in every dialect', async () => {
    const token = String((await issue({ providers: ['openai'] })).body['token']);
    const send = restClient(coffer.origin);
    const native = await call({ path: '/v1/workspaces/default/credentials', token });
    expect(native.body.credentials.map(({ id }) => id)).to.deep.equal([within]);
    const lists = [
      '/flowise/api/v1/credentials',
      '/fishnet/api/credentials',
      '/mielto/api/v1/credentials',
      '/scale/v5/credentials',
    ];
    lists.push(`/miniflow/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials`);
    for (const path of lists) {
      const { status, text } = await send({ path, token });
      expect(status, `${path}: ${text}`).to.equal(200);
      expect(text, path).to.include('within').and.not.include('beyond');
    }
    for (const path of [
      `/flowise/api/v1/credentials/${beyond}`,
      `/mielto/api/v1/credentials/${beyond}`,
      `/scale/v5/credentials/${beyond}`,
      '/scale/v5/credentials/name/beyond',
    ]) {
      expect((await send({ path, token })).status, path).to.equal(404);
      expect((await send({ path, token: coffer.adminToken })).status, path).to.equal(200);
    }
    const reveal = { method: 'POST', token };
    expect((await call({ ...reveal, path: `/v1/workspaces/default/credentials/${within}:reveal` })).status).to.equal(
      200,
    );
    expect((await call({ ...reveal, path: `/v1/workspaces/default/credentials/${beyond}:reveal` })).status).to.equal(
      404,
    );
  });

  for (const [title, body] of Object.entries({
    'what is no UUID for an id': { credential_ids: ['CRD-00000000DEADBEEF'] },
    'an empty provider': { providers: [''] },
    'a tag of 64 characters': { tags: ['t'.repeat(64)] },
    'U+0000 in a tag': { tags: ['a\0'] },
    '101 providers': { providers: Array.from({ length: 101 }, (_, index) => `p${index}`) },
    'an empty subject': { subjects: [''] },
    'a subject of 256 characters': { subjects: ['s'.repeat(256)] },
    'U+0000 in a subject': { subjects: ['a\0'] },
    '101 subjects': { subjects: Array.from({ length: 101 }, (_, index) => `s${index}`) },
    'the role of ADMIN and subjects': { role: 'ADMIN', subjects: ['alice'] },
    'the role of ADMIN': { role: 'ADMIN', providers: ['openai'] },
  })) {
    it(`are not issued with ${title}`, async () => {
      const { status, body: refusal } = await issue(body);
      expect([status, refusal['code']]).to.deep.equal([400, 'invalid_argument']);
    });
  }

  it('authenticate no caller once a database writer changed their scope', async () => {
    const scopedToken = String((await issue({ providers: ['openai'] })).body['token']);
    const wide = String((await issue({})).body['token']);
    const session = new Client(coffer.database.connection);
    await session.connect();
    const ofSubject = String((await issue({ subjects: ['alice'] })).body['token']);
    const another = String((await issue({ subjects: ['bob'] })).body['token']);
    const widen = `update api_key set providers = '{}' where providers = '{openai}'`;
    const narrowAll = `update api_key set tags = '{prod}' where role is not null and tags = '{}'`;
    const dropSubjects = `update api_key set subjects = '{}' where subjects = '{alice}'`;
    const swapSubjects = `update api_key set subjects = '{carol}' where subjects = '{bob}'`;
    for (const [statement, token] of [
      [dropSubjects, ofSubject],
      [swapSubjects, another],
      [widen, scopedToken],
      [narrowAll, wide],
    ] as const) {
      const statusNow = async () => (await call({ path: '/v1/whoami', token })).status;
      expect(await statusNow()).to.equal(200);
      await session.query(statement);
      // Within a second, as its notification arrives.
      await until(async () => (await statusNow()) === 401);
    }
    await session.end();
  });
});
