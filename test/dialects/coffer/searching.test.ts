import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { connectCodeOf } from '../../support/refusals.ts';
import { createCredential, nativeClient, type NativeClient } from './native-client.ts';

const credentials = '/v1/workspaces/default/credentials';

describe('searching credentials over the native API', () => {
  let coffer: TestCoffer;
  let call: NativeClient;

  before(async () => {
    coffer = await startCoffer();
    call = nativeClient(coffer.origin, coffer.adminToken);
    await createCredential(call, {
      name: 'alpha',
      provider: 'openai',
      tags: ['prod'],
      labels: { env: 'prod', 'a.b': 'c' },
    });
    await createCredential(call, { name: 'beta', provider: 'openai', tags: ['test'], subject: 'user 7' });
    await createCredential(call, {
      name: 'gamma',
      provider: 'slack',
      tags: ['prod'],
      expires_at: '2001-01-01T00:00:00Z',
    });
  });
  after(() => coffer.stop());

  const list = async (query: Readonly<Record<string, string>>, token?: string) =>
    call({ path: `${credentials}?${new URLSearchParams(query).toString()}`, ...(token !== undefined && { token }) });
  const namesOf = async (query: Readonly<Record<string, string>>) => {
    const { body, status } = await list(query);
    expect(status, JSON.stringify(body)).to.equal(200);
    return body.credentials.map(({ name }) => name);
  };

  const found: Readonly<Record<string, readonly string[]>> = {
    'provider = "openai"': ['beta', 'alpha'],
    'provider = openai AND tags:prod': ['alpha'],
    'tags:prod OR subject = "user 7"': ['gamma', 'beta', 'alpha'],
    'NOT tags:prod': ['beta'],
    'labels.env = "prod"': ['alpha'],
    'labels."a.b" = "c"': ['alpha'],
    'labels:env AND name = al*': ['alpha'],
    'subject != "user 7"': ['gamma', 'alpha'],
    'state = EXPIRED': ['gamma'],
    'created_at > "2020-01-01T00:00:00Z" AND use_count = 0': ['gamma', 'beta', 'alpha'],
    'name = "al"': [],
    'name = "ALPHA"': [],
  };
  for (const [filter, names] of Object.entries(found)) {
    it(`finds ${names.join(' and ') || 'nothing'} for ${filter}`, async () => {
      expect(await namesOf({ filter })).to.deep.equal(names);
    });
  }

  it('sorts by up to three fields', async () => {
    expect(await namesOf({ order_by: 'name' })).to.deep.equal(['alpha', 'beta', 'gamma']);
    expect(await namesOf({ order_by: 'provider desc, name desc' })).to.deep.equal(['gamma', 'beta', 'alpha']);
    expect(await namesOf({ order_by: 'expires_at desc,created_at' })).to.deep.equal(['gamma', 'alpha', 'beta']);
  });

  it('counts all matches where this is requested', async () => {
    const { body } = await list({ filter: 'provider = openai', page_size: '1', include_total_size: 'true' });
    expect(body).to.have.property('total_size', 2);
    expect(body.credentials).to.have.length(1);
    expect((await list({ filter: 'provider = none', include_total_size: 'true' })).body).to.have.property(
      'total_size',
      0,
    );
    expect((await list({ filter: 'provider = openai' })).body).not.to.have.property('total_size');
  });

  it('answers alike over every protocol', async () => {
    const baseUrl = coffer.origin;
    for (const transport of [
      createGrpcTransport({ baseUrl }),
      createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
      createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
      createConnectTransport({ baseUrl, httpVersion: '2' }),
    ]) {
      const client = createClient(CredentialService, transport);
      const headers = { authorization: `Bearer ${coffer.adminToken}` };
      const query = {
        workspaceId: 'default',
        filter: 'tags:prod',
        orderBy: 'name',
        includeTotalSize: true,
        pageSize: 1,
      };
      const first = await client.listCredentials(query, { headers });
      expect([first.credentials[0]?.name, first.totalSize]).to.deep.equal(['alpha', 2]);
      const second = await client.listCredentials({ ...query, pageToken: first.nextPageToken }, { headers });
      expect([second.credentials[0]?.name, second.nextPageToken]).to.deep.equal(['gamma', '']);
      expect(await connectCodeOf(client.listCredentials({ ...query, filter: 'red' }, { headers }))).to.equal(3);
    }
  });

  it('refuses a mistake with its position and what was expected, without what was found', async () => {
    const { body, status } = await list({ filter: 'provider = openai AND colour = "secret red"' });
    expect(status).to.equal(400);
    expect(body).to.include({ code: 'invalid_argument' });
    expect(body.message).to.match(/^filter is invalid at character 23: expected a field, one of name, provider, /);
    expect(JSON.stringify(body))
      .to.include('INVALID_FILTER')
      .and.not.match(/colour|secret red/);
    for (const query of [
      { order_by: 'size' },
      { order_by: 'name up' },
      { order_by: 'name, name' },
      { filter: 'x'.repeat(2_001) },
    ]) {
      expect((await list(query)).status, JSON.stringify(query)).to.equal(400);
    }
  });

  it('takes a page token for its list only, with another page size if wanted', async () => {
    const query = { filter: 'created_at > "2020-01-01T00:00:00Z"', order_by: 'name', page_size: '1' };
    const { next_page_token: token } = (await list(query)).body;
    expect(await namesOf({ ...query, page_token: token, page_size: '7' })).to.deep.equal(['beta', 'gamma']);
    expect(await namesOf({ ...query, page_token: token, include_total_size: 'true' })).to.deep.equal(['beta']);
    const workspace = await call({ method: 'POST', path: '/v1/workspaces', body: { workspace: { name: 'other' } } });
    const elsewhere = new URLSearchParams({ ...query, page_token: token }).toString();
    const path = `/v1/workspaces/${String(workspace.body.workspace['id'])}/credentials?${elsewhere}`;
    expect((await call({ path })).status).to.equal(400);
    for (const other of [
      { ...query, filter: '' },
      { ...query, filter: 'created_at > "2020-01-01T00:00:01Z"' },
      { ...query, order_by: 'name desc' },
      { ...query, order_by: '' },
      { ...query, show_deleted: 'true' },
    ]) {
      const { body, status } = await list({ ...other, page_token: token });
      expect(status).to.equal(400);
      expect(body.message).to.equal('page_token is not one of this list');
    }
    for (const made of [
      `${token}A`,
      token.slice(1),
      token.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
      'x',
    ]) {
      expect((await list({ ...query, page_token: made })).status).to.equal(400);
    }
  });

  it('shows nothing of a credential in a page token', async () => {
    const { body } = await list({ order_by: 'name', page_size: '1' });
    const content = Buffer.from(body.next_page_token, 'base64url').toString('latin1');
    expect(content).not.to.include('alpha').and.not.include(String(body.credentials[0]?.['id']));
  });

  it('authorizes a caller before it looks at the filter', async () => {
    const other = await call({ method: 'POST', path: '/v1/workspaces', body: { workspace: { name: 'third' } } });
    const apiKeys = `/v1/workspaces/${String(other.body.workspace['id'])}/apiKeys`;
    const key = await call({ method: 'POST', path: apiKeys, body: { name: 'k', role: 'VIEWER' } });
    const path = `/v1/workspaces/${coffer.defaultWorkspaceId}/credentials?filter=wrong`;
    expect((await call({ path, token: String(key.body['token']) })).status).to.equal(404);
  });

  it('is the scope of a key first: nothing else is found, counted or seen in tokens', async () => {
    const body = { name: 'scoped', role: 'VIEWER', tags: ['test'] };
    const key = await call({ method: 'POST', path: '/v1/workspaces/default/apiKeys', body });
    const token = String(key.body['token']);
    for (const filter of ['', 'tags:prod OR tags:test', 'NOT name = none', 'provider = openai']) {
      const reply = await list({ filter, order_by: 'name', include_total_size: 'true' }, token);
      expect(
        reply.body.credentials.map(({ name }) => name),
        filter,
      ).to.deep.equal(['beta']);
      expect(reply.body).to.deep.include({ total_size: 1, next_page_token: '' });
    }
  });
});
