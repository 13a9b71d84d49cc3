import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { createCredential, nativeClient, type NativeClient } from './native-client.ts';

describe('coffer.v1.WorkspaceService over REST', () => {
  let coffer: TestCoffer;
  let call: NativeClient;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = nativeClient(coffer.origin, coffer.adminToken);
  });
  after(() => coffer.stop());

  async function createWorkspace(name: string): Promise<string> {
    const { status, body } = await call({ method: 'POST', path: '/v1/workspaces', body: { workspace: { name } } });
    expect(status).to.equal(200);
    return String(body.workspace['id']);
  }

  it('creates a workspace in which its maker may do everything at once', async () => {
    const { status, body } = await call({
      method: 'POST',
      path: '/v1/workspaces',
      body: { workspace: { name: 'prod' } },
    });
    expect(status).to.equal(200);
    const { id, short_id, created_by, ...rest } = body.workspace;
    expect(rest).to.deep.equal({ name: 'prod', created_at: '2024-01-01T00:00:00Z' });
    expect(short_id).to.equal(`WSP-${String(id).slice(-17).replace('-', '').toUpperCase()}`);
    expect(created_by).to.equal((await call({ path: '/v1/whoami' })).body['user_id']);
    const credential = await createCredential(call, { name: 'n' }, String(id));
    const path = `/v1/workspaces/${String(short_id)}/credentials/${credential}:reveal`;
    expect((await call({ method: 'POST', path })).body).to.deep.equal({ secret: { api_key: 'sk-1' }, version: 1 });
  });

  it('shows a workspace by either spelling, and the default one by its alias', async () => {
    const id = await createWorkspace('shown');
    for (const spelling of [id, `WSP-${id.slice(-17).replace('-', '').toUpperCase()}`]) {
      expect((await call({ path: `/v1/workspaces/${spelling}` })).body.workspace).to.include({ id, name: 'shown' });
    }
    const { body } = await call({ path: '/v1/workspaces/default' });
    expect(body.workspace).to.include({ id: coffer.defaultWorkspaceId });
  });

  it('lists them in the order of creation, page by page', async () => {
    const ids = [await createWorkspace('one'), await createWorkspace('two'), await createWorkspace('three')];
    const walked: unknown[] = [];
    let token = '';
    do {
      const { body } = await call({ path: `/v1/workspaces?page_size=2&page_token=${token}` });
      walked.push(...body.workspaces.map(({ id }) => id));
      token = body.next_page_token;
    } while (token !== '');
    expect(walked[0]).to.equal(coffer.defaultWorkspaceId);
    expect(walked.slice(-3)).to.deep.equal(ids);
    expect(new Set(walked)).to.have.property('size', walked.length);
  });

  it('shows the key of a workspace only that one, and others as absent ones', async () => {
    const own = await createWorkspace('own');
    const foreign = await createWorkspace('foreign');
    const token = await coffer.issueKey({ role: 'ADMIN', workspaceId: own });
    const { body } = await call({ path: '/v1/workspaces', token });
    expect(body.workspaces.map(({ id }) => id)).to.deep.equal([own]);
    const answers = [];
    for (const id of [foreign, '018cc251-f400-7000-8000-00000000dead', 'nonsense']) {
      const { status, body: refusal } = await call({ path: `/v1/workspaces/${id}`, token });
      answers.push([status, refusal['code'], refusal.message]);
    }
    expect(answers).to.deep.equal(Array.from({ length: 3 }, () => [404, 'not_found', 'workspace not found']));
  });

  it('answers credentials of a foreign workspace as those of an absent one, whatever is done with them', async () => {
    const foreign = await createWorkspace('foreign');
    const credential = await createCredential(call, { name: 'n' }, foreign);
    const token = await coffer.issueKey({ role: 'ADMIN' });
    for (const workspace of [foreign, '018cc251-f400-7000-8000-00000000dead']) {
      const path = `/v1/workspaces/${workspace}/credentials/${credential}`;
      const replies = await Promise.all([
        call({ path, token }),
        call({ method: 'PATCH', path, body: { name: 'x' }, token }),
        call({ method: 'DELETE', path, token }),
        call({ method: 'POST', path: `${path}:reveal`, token }),
        call({ method: 'POST', path: `${path}:deactivate`, token }),
      ]);
      for (const { status, body } of replies) {
        expect(status).to.equal(404);
        expect(body.message).to.equal('workspace not found');
      }
    }
    expect((await call({ path: `/v1/workspaces/${foreign}/credentials/${credential}` })).body.credential).to.include({
      name: 'n',
      state: 'ACTIVE',
      etag: '1',
    });
  });

  it('is created by owners only', async () => {
    const token = await coffer.issueKey({ role: 'ADMIN' });
    const reply = await call({ method: 'POST', path: '/v1/workspaces', body: { workspace: { name: 'x' } }, token });
    expect([reply.status, reply.body['code']]).to.deep.equal([403, 'permission_denied']);
  });

  for (const role of ['VIEWER', 'ADMIN'] as const) {
    it(`reveals nothing to a key of ${role} about faults of its request to create one`, async () => {
      const token = await coffer.issueKey({ role });
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      for (const path of ['/v1/workspaces', '/coffer.v1.WorkspaceService/CreateWorkspace']) {
        for (const body of ['{}', '{"workspace":{}}', `{"workspace":{"name":"${'n'.repeat(256)}"}}`]) {
          const response = await fetch(coffer.origin + path, { method: 'POST', headers, body });
          const text = await response.text();
          expect([response.status, text], path).to.deep.equal([403, text]);
          expect(text).to.contain('permission_denied').and.not.contain('name');
        }
      }
      const malformed = await fetch(`${coffer.origin}/v1/workspaces`, { method: 'POST', headers, body: '{' });
      expect(malformed.status, await malformed.text()).to.equal(403);
    });
  }

  for (const [title, body] of Object.entries({
    'no workspace': {},
    'no name': { workspace: {} },
    'a blank name': { workspace: { name: '  ' } },
    'a name of 256 characters': { workspace: { name: 'n'.repeat(256) } },
    'a name with U+0000': { workspace: { name: 'n\0' } },
  })) {
    it(`is not created with ${title}`, async () => {
      const reply = await call({ method: 'POST', path: '/v1/workspaces', body });
      expect([reply.status, reply.body['code']]).to.deep.equal([400, 'invalid_argument']);
    });
  }
});
