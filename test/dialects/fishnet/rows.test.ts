import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { CredentialService } from '../../../gen/fishnet/v1/credential_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { restClient } from '../call-rest.ts';
import { Dashboard } from './dashboard.ts';

const password = 'correct horse';
const path = '/api/credentials';
const absent = { status: 404, body: { error: 'credential not found' } };

describe('fishnet: every row of its table', () => {
  let coffer: TestCoffer;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00.900Z') });
  });
  after(() => coffer.stop());

  async function call(method: string, url: string, token: string, body?: unknown) {
    return restClient(coffer.origin)({ method, path: url, token, ...(body !== undefined && { body }) });
  }

  async function keyOfNewWorkspace(): Promise<string> {
    return coffer.issueKey({ role: 'EDITOR', workspaceId: await coffer.createWorkspace('of its own') });
  }

  async function create(token: string, name = 'primary'): Promise<string> {
    const { body } = await call('POST', path, token, { service: 'openai', name, key: 'sk-1' });
    return String(membersOf(body)['id']);
  }

  it('leads a dashboard through its day', async () => {
    const dashboard = new Dashboard(coffer.origin);
    // GET /api/auth/status, then POST /api/auth/setup
    expect((await dashboard.send('GET', '/auth/status')).body).to.deep.equal({
      initialized: false,
      authenticated: false,
    });
    const short = await dashboard.send('POST', '/auth/setup', { password: 'short', confirm: 'short' });
    expect(short).to.deep.equal({ status: 400, body: { error: 'password must be at least 8 characters' } });
    const differing = await dashboard.send('POST', '/auth/setup', { password, confirm: 'correct house' });
    expect(differing).to.deep.equal({ status: 400, body: { error: 'passwords do not match' } });
    expect(await dashboard.send('POST', '/auth/setup', { password, confirm: password })).to.deep.equal({
      status: 200,
      body: { success: true, message: 'password configured successfully' },
    });
    const second = await dashboard.send('POST', '/auth/setup', { password, confirm: 'whatever' });
    expect(second).to.deep.equal({ status: 409, body: { error: 'password already configured' } });
    // POST /api/auth/login
    expect(await dashboard.logIn('wrong horse')).to.deep.equal({ status: 401, body: { error: 'invalid password' } });
    expect((await dashboard.logIn(password)).status).to.equal(200);
    // GET, POST and DELETE /api/credentials
    expect(await dashboard.send('GET', '/credentials')).to.deep.equal({ status: 200, body: [] });
    const stored = await dashboard.send('POST', '/credentials', { service: 'binance', name: 'backup', key: ' sk-1 ' });
    expect(stored.status).to.equal(201);
    expect(await dashboard.send('GET', '/credentials')).to.deep.equal({ status: 200, body: [stored.body] });
    const id = String(membersOf(stored.body)['id']);
    const deletions = [
      await dashboard.send('DELETE', `/credentials/${id}`),
      await dashboard.send('DELETE', `/credentials/${id}`),
    ];
    expect(deletions).to.deep.equal([{ status: 200, body: { deleted: true } }, absent]);
    // POST /api/auth/logout
    expect(await dashboard.send('POST', '/auth/logout')).to.deep.equal({ status: 200, body: { success: true } });
    const refusal = { status: 401, body: { error: 'invalid or expired session token' } };
    expect(await dashboard.send('GET', '/credentials')).to.deep.equal(refusal);
    expect(dashboard.isLoggedIn).to.equal(false);
    const stranger = { status: 401, body: { error: 'missing or invalid authorization header' } };
    expect(await dashboard.send('GET', '/credentials')).to.deep.equal(stranger);
  });

  describe('GET /api/credentials', () => {
    it('answers a bare array of {id, service, name, created_at, last_used_at}, newest first', async () => {
      const token = await keyOfNewWorkspace();
      const ids: string[] = [];
      for (const name of ['b', 'c', 'a']) ids.push(await create(token, name));
      const { status, text, body } = await call('GET', path, token);
      expect(status).to.equal(200);
      expect(body).to.deep.equal(
        ['b', 'c', 'a']
          .map((name, index) => ({
            id: ids[index],
            service: 'openai',
            name,
            created_at: 1_704_067_200,
            last_used_at: null,
          }))
          .toReversed(),
      );
      expect(text).to.include('"created_at":1704067200,"last_used_at":null');
    });

    it('answers [] where there is none', async () => {
      expect((await call('GET', path, await keyOfNewWorkspace())).text).to.equal('[]');
    });

    it('shows the credentials of other dialects', async () => {
      const token = await keyOfNewWorkspace();
      await call('POST', '/v5/credentials', token, { type: 'key', name: 'from scale', payload: 'sk-1' });
      const { body } = await call('GET', path, token);
      expect(Array.isArray(body) ? body.map(membersOf) : body).to.have.nested.property('[0].name', 'from scale');
    });
  });

  describe('DELETE /api/credentials/{id}', () => {
    it('answers {"deleted":true}, and then 404 credential not found', async () => {
      const token = await keyOfNewWorkspace();
      const id = await create(token);
      const { status, body } = await call('DELETE', `${path}/${id}`, token);
      expect({ status, body }).to.deep.equal({ status: 200, body: { deleted: true } });
      const again = await call('DELETE', `${path}/${id}/`, token);
      expect({ status: again.status, body: again.body }).to.deep.equal(absent);
      expect((await call('GET', path, token)).body).to.deep.equal([]);
    });
  });

  for (const authorization of ['Basic dXNlcjpwYXNz', 'Token fn_sess_0', 'Basic', 'fn_sess_0', `Digest a="b"`]) {
    it(`takes no other scheme than Bearer: ${authorization}`, async () => {
      for (const method of ['GET', 'POST']) {
        const { status, body } = await restClient(coffer.origin)({ method, path, headers: { authorization } });
        const error = 'missing or invalid authorization header';
        expect({ status, body }).to.deep.equal({ status: 401, body: { error } });
      }
    });
  }

  it('blames the token of an unknown Bearer, in any case of letters', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const headers = { authorization: `${scheme} fn_sess_${'0'.repeat(64)}` };
      const { body } = await restClient(coffer.origin)({ path, headers });
      expect(body, scheme).to.deep.equal({ error: 'invalid or expired session token' });
    }
  });

  for (const [protocol, createTransport] of [
    ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ['Connect', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
  ] as const) {
    it(`lists and deletes over ${protocol}, too`, async () => {
      const client = createClient(CredentialService, createTransport(coffer.origin));
      const token = await keyOfNewWorkspace();
      const headers = { headers: { authorization: `Bearer ${token}` } };
      const credentialId = await create(token);
      const { credentials } = await client.listCredentials({}, headers);
      expect(credentials.map(({ id, createdAt }) => [id, createdAt])).to.deep.equal([[credentialId, 1_704_067_200n]]);
      expect((await client.deleteCredential({ credentialId }, headers)).deleted).to.equal(true);
      const refused = await client
        .deleteCredential({ credentialId }, headers)
        .catch((error: unknown) => ConnectError.from(error));
      expect(refused).to.include({ code: Code.NotFound });
    });
  }
});

function membersOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('the answer is no object');
  return Object.fromEntries(Object.entries(value));
}
