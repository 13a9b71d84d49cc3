import { expect } from 'chai';
import { isJsonObject } from '../../../src/vault/json.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { memberOf, textOf } from '../../support/json.ts';
import { SdkTransport } from './sdk-transport.ts';

const base = '/api/v1/credentials';
const body = {
  label: 'Primary',
  auth_type: 'api_key',
  credential_scope: 'workspace',
  credentials: { api_key: 'first', region: 'eu' },
};

describe("mielto's SDK", () => {
  let coffer: TestCoffer;
  let apiKey: string;

  before(async () => {
    coffer = await startCoffer();
    apiKey = await coffer.issueKey({ role: 'EDITOR' });
  });

  after(async () => {
    await coffer.stop();
  });

  function transport(workspaceId?: string): SdkTransport {
    const { origin, adminToken } = coffer;
    return workspaceId === undefined
      ? new SdkTransport({ origin, apiKey })
      : new SdkTransport({ origin, apiKey: adminToken, workspaceId });
  }

  it('keeps a credential through its whole life, on the path that it shares with Flowise', async () => {
    const sdk = transport();
    const created = await sdk.receive('POST', base, { body });
    const path = `${base}/${textOf(created, 'id')}`;
    expect(await sdk.receive('GET', path)).to.deep.equal(created);
    const patched = await sdk.receive('PATCH', path, { body: { description: 'Patched' } });
    expect(patched).to.deep.equal({ ...created, description: 'Patched', updated_at: patched['updated_at'] });
    const put = await sdk.receive('PUT', path, { body: { label: 'Put' } });
    expect(put).to.deep.equal({ ...patched, label: 'Put', updated_at: put['updated_at'] });
    expect(await sdk.receive('DELETE', path)).to.deep.include({ id: created['id'], label: 'Put' });
    expect(await sdk.send('GET', path)).to.deep.equal({
      status: 404,
      body: { detail: 'Credential not found' },
      attempts: 1,
    });
  });

  it('walks the pages of a list by skip and limit until it has the total', async () => {
    const sdk = transport(await coffer.createWorkspace('Pages'));
    for (const label of ['a', 'b', 'c', 'd', 'e']) await sdk.receive('POST', base, { body: { ...body, label } });
    const labels: string[] = [];
    const pages: unknown[] = [];
    for (let total = 1; labels.length < total;) {
      const page = await sdk.receive('GET', base, { query: { skip: String(labels.length), limit: '2' } });
      const credentials = memberOf(page, 'credentials');
      if (!Array.isArray(credentials) || credentials.length === 0) throw new Error('a page is empty before the last');
      labels.push(...credentials.map((credential) => textOf(credential, 'label')));
      pages.push(page['page']);
      total = Number(page['total']);
    }
    expect(labels).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
    expect(pages).to.deep.equal([1, 2, 3]);
  });

  it('edits a secret as a form does that shows its values masked', async () => {
    const sdk = transport();
    const created = await sdk.receive('POST', base, { body });
    const id = textOf(created, 'id');
    const credentials = { api_key: '••••••••', region: 'us' };
    await sdk.receive('PUT', `${base}/${id}`, { body: { ...created, credentials } });
    const path = `/v1/workspaces/default/credentials/${id}:reveal`;
    const revealed = await coffer.native('POST', path);
    expect(revealed['secret']).to.deep.equal({ api_key: 'first', region: 'us' });
    expect(revealed['version']).to.equal(2);
  });

  it('gets a final refusal of what it may not do', async () => {
    const foreign = new SdkTransport({ origin: coffer.origin, apiKey, workspaceId: coffer.adminToken.slice(0, 8) });
    expect(await foreign.send('GET', base)).to.include({ status: 403, attempts: 1 });
    const stranger = new SdkTransport({ origin: coffer.origin, apiKey: 'cof_unknown' });
    expect(await stranger.send('GET', base)).to.deep.equal({
      status: 401,
      body: { detail: 'Not authenticated' },
      attempts: 1,
    });
    const refused = await transport().send('POST', base, { body: { ...body, label: '' } });
    expect(refused.status).to.equal(422);
    expect(isJsonObject(refused.body) && refused.body['detail']).to.have.lengthOf(1);
  });

  it('works in the workspace that it has named', async () => {
    const [here, elsewhere] = [transport(), transport(await coffer.createWorkspace('Elsewhere'))];
    const created = await elsewhere.receive('POST', base, { body });
    const path = `${base}/${textOf(created, 'id')}`;
    expect(await elsewhere.receive('GET', path)).to.deep.equal(created);
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
      const reply = await here.send(method, path, method === 'GET' || method === 'DELETE' ? {} : { body: {} });
      expect(reply, method).to.deep.include({ status: 404, body: { detail: 'Credential not found' } });
    }
  });
});
