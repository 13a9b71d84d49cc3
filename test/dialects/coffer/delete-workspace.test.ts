import { expect } from 'chai';
import { Client } from 'pg';
import { shortIdOf } from '../../../src/vault/ids.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { createCredential, nativeClient, type NativeClient } from './native-client.ts';

describe('coffer.v1.WorkspaceService.DeleteWorkspace over REST', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let id: string;

  before(async () => {
    coffer = await startCoffer();
    call = nativeClient(coffer.origin, coffer.adminToken);
  });
  beforeEach(async () => {
    id = await coffer.createWorkspace('to go');
  });
  after(() => coffer.stop());

  const remove = (workspace: string, query: string, token?: string) =>
    call({ method: 'DELETE', path: `/v1/workspaces/${workspace}${query}`, ...(token !== undefined && { token }) });

  it('answers the workspace as it was', async () => {
    const { body: before } = await call({ path: `/v1/workspaces/${id}` });
    const { status, body } = await remove(id, '?name=to%20go');
    expect([status, body.workspace]).to.deep.equal([200, before.workspace]);
  });

  it('takes the other spelling of the id, too', async () => {
    expect((await remove(`WSP-${shortIdOf(id)}`, '?name=to+go')).status).to.equal(200);
  });

  it('leaves the workspace and all in it absent', async () => {
    const credential = await createCredential(call, { name: 'n' }, id);
    await remove(id, '?name=to+go');
    const at = `/v1/workspaces/${id}`;
    const asked = [
      { path: at },
      { method: 'DELETE', path: `${at}?name=to+go` },
      { path: `${at}/credentials` },
      { path: `${at}/credentials/${credential}` },
      { method: 'POST', path: `${at}/credentials/${credential}:reveal` },
      { path: `${at}/members` },
      { path: `${at}/apiKeys` },
      { method: 'POST', path: `${at}/apiKeys`, body: { name: 'k', role: 'VIEWER' } },
      { path: `${at}/auditEvents` },
    ];
    for (const one of asked) {
      const { status, body } = await call(one);
      expect([status, body.message], one.path).to.deep.equal([404, 'workspace not found']);
    }
    const { body } = await call({ path: '/v1/workspaces?page_size=1000' });
    expect(body.workspaces.map((workspace) => workspace['id'])).not.to.include(id);
    const grants = (await call({ path: '/v1/whoami' })).body['grants'];
    expect(JSON.stringify(grants)).not.to.contain(id);
  });

  it('is cleared of its credentials soon after', async () => {
    await createCredential(call, { name: 'n' }, id);
    await remove(id, '?name=to+go');
    const left = () => asSuperuser('select 1 from credential where workspace_id = $1', [id]);
    // Mocha's timeout ends the patience.
    while ((await left()).length > 0);
    expect(await left()).to.deep.equal([]);
  });

  it('refuses its API keys from the next call on', async () => {
    const token = await coffer.issueKey({ role: 'EDITOR', workspaceId: id });
    expect((await call({ path: '/v1/whoami', token })).status).to.equal(200);
    await remove(id, '?name=to+go');
    const { status, body } = await call({ path: '/v1/whoami', token });
    expect([status, body.message]).to.deep.equal([401, 'Token revoked']);
  });

  it('is for owners, who need not be members, and not for admins of the workspace', async () => {
    const token = await coffer.issueKey({ role: 'ADMIN', workspaceId: id });
    expect((await remove(id, '?name=to+go', token)).status).to.equal(403);
    await asSuperuser('delete from membership where workspace_id = $1', [id]);
    expect((await remove(id, '?name=to+go')).status).to.equal(200);
  });

  it('destroys nothing unless the name is the workspace’s', async () => {
    const credential = await createCredential(call, { name: 'n' }, id);
    for (const query of ['', '?name=', '?name=To+go', '?name=default']) {
      const { status, body } = await remove(id, query);
      expect([status, body['code']], query).to.deep.equal([400, 'invalid_argument']);
    }
    const path = `/v1/workspaces/${id}/credentials/${credential}:reveal`;
    expect((await call({ method: 'POST', path })).body['secret']).to.deep.equal({ api_key: 'sk-1' });
  });

  it('leaves the default workspace of the instance', async () => {
    for (const spelling of ['default', coffer.defaultWorkspaceId]) {
      const { status, body } = await remove(spelling, '?name=default');
      expect([status, body.message]).to.deep.equal([400, 'the default workspace of the instance cannot be deleted']);
      expect(JSON.stringify(body.details)).to.contain('DEFAULT_WORKSPACE');
    }
    expect((await call({ path: '/v1/workspaces/default' })).status).to.equal(200);
  });

  it('lets users whose default workspace it was go on in the instance’s', async () => {
    const user = { name: 'moved', password: 'correct horse battery', default_workspace_id: id };
    const { password, ...rest } = user;
    const created = await call({ method: 'POST', path: '/v1/users', body: { user: rest, password } });
    expect(created.status, JSON.stringify(created.body)).to.equal(200);
    const session = await call({ method: 'POST', path: '/v1/login', body: { user: 'moved', password } });
    await remove(id, '?name=to+go');
    const { body } = await call({ path: '/v1/whoami', token: String(session.body['token']) });
    expect(body).to.include({ default_workspace_id: coffer.defaultWorkspaceId });
    expect(body['grants']).to.deep.equal([]);
  });

  it('is among the events of the instance, and those of the workspace stay', async () => {
    await createCredential(call, { name: 'n' }, id);
    await remove(id, '?name=to+go');
    const { body } = await call({ path: `/v1/auditEvents?resource_id=${id}` });
    const [event] = Array.isArray(body['audit_events']) ? body['audit_events'] : [];
    expect(event).to.include({ action: 'workspaces.delete', resource_kind: 'workspace', outcome: 'OK' });
    const kept = await asSuperuser('select action from audit_event where workspace_id = $1 order by id', [id]);
    expect(kept).to.deep.equal([{ action: 'workspaces.create' }, { action: 'credentials.create' }]);
    expect((await call({ method: 'POST', path: '/v1/auditTrail:verify', body: {} })).body).to.include({ intact: true });
  });

  async function asSuperuser(statement: string, values: readonly string[]): Promise<readonly unknown[]> {
    const client = new Client(coffer.database.connection);
    await client.connect();
    try {
      return (await client.query(statement, [...values])).rows;
    } finally {
      await client.end();
    }
  }
});
