import { expect } from 'chai';
import { allBoundRpcs } from '../../support/bound-rpcs.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { createCredential, nativeClient, type NativeClient, type NativeReply } from './native-client.ts';

const dayMs = 86_400_000;
const credentials = '/v1/workspaces/default/credentials';

/** What requests have beside the credential that they name. */
const others = {
  credential: { description: 'changed' },
  secret: { api_key: 'sk-2' },
  version: 1,
  other_version: 1,
};

describe('a deleted credential of the native API', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let id: string;
  let path: string;

  before(async () => {
    coffer = await startCoffer({ environment: { COFFER_PURGE_DAYS: '10' } });
    call = nativeClient(coffer.origin, coffer.adminToken);
  });
  after(() => coffer.stop());
  beforeEach(async () => {
    id = await createCredential(call, { name: 'OpenAI', tags: ['t'] });
    path = `${credentials}/${id}`;
  });

  const remove = () => call({ method: 'DELETE', path });
  const show = () => call({ path: `${path}?show_deleted=true` });
  const post = (verb: string, body: object = {}) => call({ method: 'POST', path: `${path}:${verb}`, body });

  async function listedIds(query = ''): Promise<unknown[]> {
    const ids: unknown[] = [];
    for (let token: string | undefined = ''; token !== undefined;) {
      const page: NativeReply = await call({ path: `${credentials}?page_size=2&page_token=${token}${query}` });
      expect(page.status, JSON.stringify(page.body)).to.equal(200);
      ids.push(...page.body.credentials.map((credential) => credential['id']));
      token = page.body.next_page_token === '' ? undefined : page.body.next_page_token;
    }
    return ids;
  }

  it('is shown with the time of its purge, where deleted ones are asked for', async () => {
    const { body } = await remove();
    const { deleted_at: deletedAt, purge_at: purgeAt } = body.credential;
    expect(Date.parse(String(purgeAt)) - Date.parse(String(deletedAt))).to.equal(10 * dayMs);
    expect((await show()).body.credential).to.deep.equal(body.credential);
    expect((await call({ path })).status).to.equal(404);
    expect(await listedIds()).not.to.include(id);
    expect(await listedIds('&show_deleted=true')).to.include(id);
  });

  it('does not exist for any call but those that show, restore and purge it', async () => {
    await remove();
    const calls = [
      call({ method: 'PATCH', path, body: { name: 'two' } }),
      remove(),
      post('activate'),
      post('deactivate'),
      post('reveal'),
    ];
    for (const { status } of await Promise.all(calls)) expect(status).to.equal(404);
  });

  it('does not exist for any rpc that names it but those two, and once it is purged for none', async () => {
    const rpcs = allBoundRpcs().filter(
      ({ dialect, rpc: { method } }) =>
        dialect.name === 'coffer' && method.input.fields.some(({ name }) => name === 'credential_id'),
    );
    expect(rpcs.length).to.be.at.least(8);
    const other = await coffer.createWorkspace(`other than that of ${id}`);
    const expectAbsent = async (except: readonly string[]) => {
      for (const { rpc } of rpcs) {
        const { name, parent } = rpc.method;
        if (except.includes(name)) continue;
        const fields = new Set(rpc.method.input.fields.map((field) => field.name));
        const more = Object.entries({ ...others, destination_workspace_id: other }).filter(([field]) =>
          fields.has(field),
        );
        const body = { workspace_id: 'default', credential_id: id, ...Object.fromEntries(more) };
        const { body: answer } = await call({ method: 'POST', path: `/${parent.typeName}/${name}`, body });
        expect(answer['code'], name).to.equal('not_found');
      }
    };
    await remove();
    await expectAbsent(['UndeleteCredential', 'PurgeCredential']);
    expect((await post('purge')).status).to.equal(200);
    await expectAbsent([]);
  });

  it('is restored in the state that it had', async () => {
    const { body: inactive } = await post('deactivate');
    await remove();
    const { status, body } = await post('undelete');
    expect(status).to.equal(200);
    const { etag, updated_at: updatedAt } = body.credential;
    expect(body.credential).to.deep.equal({ ...inactive.credential, etag, updated_at: updatedAt });
    expect(body.credential).to.include({ state: 'INACTIVE', etag: '4' });
    await post('activate');
    expect((await post('reveal')).body['secret']).to.deep.equal({ api_key: 'sk-1' });
  });

  it('is not restored where it is not deleted: ALREADY_EXISTS', async () => {
    expect(reasonOf(await post('undelete'))).to.deep.equal([409, 'already_exists', 'NOT_DELETED']);
  });

  it('is not purged where it is not deleted: FAILED_PRECONDITION', async () => {
    expect(reasonOf(await post('purge'))).to.deep.equal([400, 'failed_precondition', 'NOT_DELETED']);
    expect((await call({ path })).status).to.equal(200);
  });

  it('is neither restored nor purged with a stale etag', async () => {
    await remove();
    for (const verb of ['undelete', 'purge']) {
      expect(reasonOf(await post(verb, { etag: '1' }))).to.deep.equal([409, 'aborted', 'ETAG_STALE']);
    }
    expect((await post('purge', { etag: '2' })).status).to.equal(200);
  });

  it('is gone once it is purged, whatever asks for it, by either of its ids', async () => {
    const shortId = String((await remove()).body.credential['short_id']);
    expect((await call({ method: 'POST', path: `${credentials}/${shortId}:purge`, body: {} })).body).to.deep.equal({});
    for (const reply of [await show(), await post('undelete'), await post('purge'), await remove()]) {
      expect(reply.status).to.equal(404);
    }
    expect(await listedIds('&show_deleted=true')).not.to.include(id);
  });

  it('is purged by an ADMIN only', async () => {
    await remove();
    const token = await coffer.issueKey({ role: 'EDITOR' });
    const byEditor = await call({ method: 'POST', path: `${path}:purge`, body: {}, token });
    expect(byEditor.status).to.equal(403);
    expect((await show()).status).to.equal(200);
  });

  it('is restored or purged once, where several ask at the same time', async () => {
    await remove();
    const verbs = ['undelete', 'purge', 'undelete', 'purge'];
    const replies = await Promise.all(verbs.map((verb) => post(verb)));
    expect(replies.filter(({ status }) => status === 200)).to.have.length(1);
    const isRestored = replies.some(({ status, body }) => status === 200 && 'credential' in body);
    expect((await show()).status).to.equal(isRestored ? 200 : 404);
  });

  it('is not restored onto an exclusive name that another one has', async () => {
    const token = await coffer.issueKey({ role: 'EDITOR', dialect: 'scale' });
    const body = { name: 'taken', type: 'key', payload: 'p' };
    const create = () => call({ method: 'POST', path: '/v5/credentials', body, token });
    const first = (await create()).body['id'];
    await call({ method: 'DELETE', path: `/v5/credentials/${String(first)}`, token });
    expect((await create()).status).to.equal(200);
    const restored = await call({ method: 'POST', path: `${credentials}/${String(first)}:undelete`, body: {} });
    expect(reasonOf(restored)).to.deep.equal([409, 'already_exists', 'NAME_TAKEN']);
  });

  it('keeps its events, and the trail verifies', async () => {
    await remove();
    await post('undelete');
    await remove();
    await post('purge');
    const { body } = await call({ path: `/v1/workspaces/default/auditEvents?resource_id=${id}` });
    const actions = Object(body)['audit_events'].map((event: { action: string }) => event.action);
    expect(actions).to.deep.equal([
      'credentials.purge',
      'credentials.delete',
      'credentials.undelete',
      'credentials.delete',
      'credentials.create',
    ]);
    expect(await coffer.native('POST', '/v1/auditTrail:verify', {})).to.deep.include({ intact: true });
  });

  it('that is purged frees its id for a client that chooses ids', async () => {
    const token = await coffer.issueKey({ role: 'EDITOR', dialect: 'flowise' });
    const chosen = { id: crypto.randomUUID(), name: 'one', credentialName: 'openAIApi', plainDataObj: { k: 'v1' } };
    const create = () => call({ method: 'POST', path: '/api/v1/credentials', body: chosen, token });
    expect((await create()).status).to.be.oneOf([200, 201]);
    await call({ method: 'DELETE', path: `/api/v1/credentials/${chosen.id}`, token });
    await call({ method: 'POST', path: `${credentials}/${chosen.id}:purge`, body: {} });
    expect((await call({ path: `/api/v1/credentials/${chosen.id}`, token })).status).to.equal(404);
    expect((await create()).status).to.be.oneOf([200, 201]);
    const again = await call({ path: `${credentials}/${chosen.id}` });
    expect(again.body.credential).to.include({ current_version: 2, etag: '4', name: 'one', state: 'ACTIVE' });
    expect(await coffer.native('POST', '/v1/auditTrail:verify', {})).to.deep.include({ intact: true });
  });
});

function reasonOf({ status, body }: NativeReply): readonly unknown[] {
  return [status, body['code'], Object(body.details[0]?.debug).reason];
}
