import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../../support/json.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

const base = '/mielto/api/v1/credentials';
const unknownId = '018cc251-f400-7abc-8def-0123456789ab';
const secretKey = 'never-to-be-shown';

describe('mielto over REST', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let token: string;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR' });
  });

  after(async () => {
    await coffer.stop();
  });

  async function send(method: string, path: string, body?: unknown): Promise<RestReply> {
    return call({ method, path, token, body });
  }

  async function create(members: Record<string, unknown> = {}): Promise<{ id: string; shown: unknown }> {
    const body = {
      label: 'Primary',
      auth_type: 'api_key',
      credential_scope: 'workspace',
      credentials: { api_key: secretKey, region: 'eu' },
      ...members,
    };
    const reply = await send('POST', base, body);
    expect(reply.status, reply.text).to.equal(200);
    return { id: textOf(parseObject(reply.text), 'id'), shown: reply.body };
  }

  async function nativeOf(id: string): Promise<unknown> {
    return memberOf(await coffer.native('GET', `/v1/workspaces/default/credentials/${id}`), 'credential');
  }

  async function secretOf(id: string): Promise<unknown> {
    return memberOf(await coffer.native('POST', `/v1/workspaces/default/credentials/${id}:reveal`), 'secret');
  }

  describe('GET …/{id}', () => {
    it('answers CredentialRead, never the secret', async () => {
      const { id, shown } = await create({ description: 'd', credential_type: 'llm', user_id: 'u-1' });
      const reply = await send('GET', `${base}/${id}`);
      expect(reply.status).to.equal(200);
      expect(reply.body).to.deep.equal(shown);
      expect(reply.text).to.not.include(secretKey);
    });

    it('shows metadata whatever the status: active, inactive, expired', async () => {
      const { id } = await create();
      expect((await send('GET', `${base}/${id}`)).body).to.have.property('status', 'active');
      await coffer.native('POST', `/v1/workspaces/default/credentials/${id}:deactivate`);
      expect((await send('GET', `${base}/${id}`)).body).to.have.property('status', 'inactive');
      const path = `/v1/workspaces/default/credentials/${id}?update_mask=expires_at`;
      await coffer.native('PATCH', path, { expires_at: '2023-12-31T00:00:00Z' });
      expect((await send('GET', `${base}/${id}`)).body).to.include({
        status: 'expired',
        expires_at: '2023-12-31T00:00:00Z',
      });
    });
  });

  for (const method of ['PUT', 'PATCH']) {
    describe(`${method} …/{id}`, () => {
      const changes: readonly Record<string, unknown>[] = [
        { label: 'Renamed' },
        { description: 'described' },
        { description: '' },
        { auth_type: 'basic_auth' },
        { credential_type: 'storage' },
        { credential_scope: 'user' },
        { provider: 'cohere' },
        { user_id: 'u-2' },
        { label: 'All', description: 'd', auth_type: 'custom', credential_type: 'llm', provider: 'p', user_id: 'u' },
      ];
      for (const change of changes) {
        it(`changes ${Object.keys(change).join(', ')} and leaves the rest`, async () => {
          const { id, shown } = await create({ description: 'before', credential_type: 'integration', user_id: 'u-1' });
          const reply = await send(method, `${base}/${id}`, change);
          expect(reply.status, reply.text).to.equal(200);
          expect(reply.body).to.deep.equal({ ...parseObject(JSON.stringify(shown)), ...change });
          expect((await send('GET', `${base}/${id}`)).body).to.deep.equal(reply.body);
          expect(await nativeOf(id)).to.have.property('current_version', 1);
        });
      }

      it('replaces the secret by the credentials, as its next version', async () => {
        const { id, shown } = await create();
        const reply = await send(method, `${base}/${id}`, { credentials: { token: 'another-secret' } });
        expect(reply.body).to.deep.equal(shown);
        expect(reply.text).to.not.include('another-secret');
        expect(await secretOf(id)).to.deep.equal({ token: 'another-secret' });
        expect(await nativeOf(id)).to.have.property('current_version', 2);
      });

      for (const mask of ['[redacted]', '********', '••••']) {
        it(`leaves the value of a member that is sent back as ${mask}`, async () => {
          const { id } = await create({ credentials: { api_key: secretKey, nested: { token: 'kept' } } });
          const same = { api_key: mask, nested: { token: mask } };
          expect((await send(method, `${base}/${id}`, { credentials: same })).status).to.equal(200);
          expect(await nativeOf(id)).to.have.property('current_version', 1);
          await send(method, `${base}/${id}`, { credentials: { ...same, api_key: 'new' } });
          expect(await secretOf(id)).to.deep.equal({ api_key: 'new', nested: { token: 'kept' } });
        });
      }

      const unchanging: Record<string, unknown> = {
        'that is {}': {},
        'of nulls': {
          label: null,
          description: null,
          auth_type: null,
          credential_type: null,
          credential_scope: null,
          provider: null,
          user_id: null,
          credentials: null,
        },
        'of members that nobody knows': { id: unknownId, status: 'inactive', workspace_id: unknownId, other: 1 },
        'with the same credentials': { credentials: { region: 'eu', api_key: secretKey } },
      };
      for (const [title, body] of Object.entries(unchanging)) {
        it(`changes nothing by a body ${title}`, async () => {
          const { id, shown } = await create({ description: 'kept', credential_type: 'llm', user_id: 'u-1' });
          const reply = await send(method, `${base}/${id}`, body);
          expect(reply.status, reply.text).to.equal(200);
          expect(reply.body).to.deep.equal(shown);
          expect(await nativeOf(id)).to.include({ current_version: 1, etag: '1' });
        });
      }

      it('refuses what a create refuses, every fault at once in the order of the model, without the secret', async () => {
        const { id } = await create();
        const reply = await send(method, `${base}/${id}`, {
          credentials: [secretKey],
          provider: 'p'.repeat(256),
          auth_type: 'password',
          label: '',
        });
        expect(reply.status).to.equal(422);
        expect(reply.text).to.not.include(secretKey);
        expect(locationsOf(reply)).to.deep.equal(['label', 'auth_type', 'provider', 'credentials']);
      });

      it('refuses credentials without a member, or larger than a secret may be, and leaves the secret', async () => {
        const { id } = await create();
        for (const credentials of [{}, { api_key: 's'.repeat(65_536) }]) {
          const reply = await send(method, `${base}/${id}`, { credentials });
          expect(reply.status).to.equal(422);
          expect(reply.body).to.have.nested.property('detail[0].type', 'value_error');
          expect(reply.body).to.have.deep.nested.property('detail[0].loc', ['body', 'credentials']);
          expect(reply.text).to.not.include('ssss');
        }
        expect(await secretOf(id)).to.deep.equal({ api_key: secretKey, region: 'eu' });
      });

      it('changes what is inactive, too', async () => {
        const { id } = await create();
        await coffer.native('POST', `/v1/workspaces/default/credentials/${id}:deactivate`);
        const reply = await send(method, `${base}/${id}`, { credentials: { token: 't' } });
        expect(reply.body).to.have.property('status', 'inactive');
        expect(await nativeOf(id)).to.have.property('current_version', 2);
      });

      it('keeps what another dialect created as it is, when it is sent back as it is shown', async () => {
        const path = `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials/slack`;
        const body = { name: `Slack for ${method}`, bot_token: 'xoxb-1' };
        const slack = await call({ method: 'POST', path, token, body });
        const shortId = textOf(parseObject(slack.text), 'data', 'id');
        const before = await nativeOf(shortId);
        const shown = await send('GET', `${base}/${shortId}`);
        expect(shown.body).to.include({ auth_type: 'access_token', credential_scope: 'workspace' });
        expect((await send(method, `${base}/${shortId}`, shown.body)).body).to.deep.equal(shown.body);
        expect(await nativeOf(shortId)).to.deep.equal(before);
      });
    });
  }

  describe('DELETE …/{id}', () => {
    it('answers 200 with the CredentialRead; then it is absent', async () => {
      const { id, shown } = await create();
      const headers = { 'content-type': 'application/json' };
      const reply = await call({ method: 'DELETE', path: `${base}/${id}`, token, headers });
      expect(reply.status).to.equal(200);
      expect(reply.body).to.deep.equal(shown);
      expect((await send('DELETE', `${base}/${id}`)).status).to.equal(404);
    });
  });

  describe('GET …?skip&limit&credential_type&auth_type&status&search', () => {
    let workspaceId: string;

    before(async () => {
      workspaceId = await coffer.createWorkspace('Lists');
      const rows = [
        { label: 'a', auth_type: 'api_key', credential_type: 'llm', description: '100% of MODELS' },
        { label: 'b', auth_type: 'basic_auth', credential_type: 'storage' },
        { label: 'c', auth_type: 'custom' },
        { label: 'd_Models', auth_type: 'api_key', credential_type: 'custom' },
      ];
      for (const row of rows) {
        const body = { ...row, credential_scope: 'user', credentials: { key: secretKey } };
        const reply = await inWorkspace('POST', base, body);
        expect(reply.status, reply.text).to.equal(200);
      }
      const workspace = `/v1/workspaces/${workspaceId}/credentials`;
      const fields = { provider: 'p', auth_type: 'key', description: null };
      const expired = { name: 'expired', ...fields, expires_at: '2023-12-31T00:00:00Z' };
      await coffer.native('POST', workspace, { credential: expired, secret: { key: secretKey } });
      const inactive = { name: 'inactive', ...fields, auth_type: 'certificate' };
      const created = await coffer.native('POST', workspace, { credential: inactive, secret: { key: secretKey } });
      await coffer.native('POST', `${workspace}/${textOf(created, 'credential', 'id')}:deactivate`);
    });

    async function inWorkspace(method: string, path: string, body?: unknown): Promise<RestReply> {
      const headers = { 'x-workspace-id': workspaceId };
      return call({ method, path, token: coffer.adminToken, headers, body });
    }

    async function list(query: string): Promise<Record<string, unknown>> {
      const reply = await inWorkspace('GET', `${base}?${query}`);
      expect(reply.status, reply.text).to.equal(200);
      expect(reply.text).to.not.include(secretKey);
      const { credentials, ...rest } = parseObject(reply.text);
      const labels = Array.isArray(credentials) ? credentials.map((credential) => textOf(credential, 'label')) : [];
      return { labels: labels.join(' '), ...rest };
    }

    it('answers credentials, total, page and size: 0 and 100 by default', async () => {
      const labels = 'a b c d_Models expired inactive';
      expect(await list('')).to.deep.equal({ labels, total: 6, page: 1, size: 100 });
    });

    it('answers in credentials what a GET answers', async () => {
      const reply = await inWorkspace('GET', `${base}?limit=1`);
      const id = /"id":"([^"]+)"/.exec(reply.text)?.[1] ?? '';
      const single = await inWorkspace('GET', `${base}/${id}`);
      expect(memberOf(parseObject(reply.text), 'credentials')).to.deep.equal([single.body]);
    });

    const pages: Record<string, Record<string, unknown>> = {
      'limit=2': { labels: 'a b', total: 6, page: 1, size: 2 },
      'skip=2&limit=2': { labels: 'c d_Models', total: 6, page: 2, size: 2 },
      'skip=3&limit=2': { labels: 'd_Models expired', total: 6, page: 2, size: 2 },
      'skip=4&limit=2': { labels: 'expired inactive', total: 6, page: 3, size: 2 },
      'skip=6&limit=2': { labels: '', total: 6, page: 4, size: 2 },
      'limit=1000': { labels: 'a b c d_Models expired inactive', total: 6, page: 1, size: 1_000 },
    };
    for (const [query, page] of Object.entries(pages)) {
      it(`?${query} answers page ${String(page['page'])} of size ${String(page['size'])}`, async () => {
        expect(await list(query)).to.deep.equal(page);
      });
    }

    const filters: Record<string, string> = {
      'credential_type=llm': 'a',
      'credential_type=custom': 'd_Models',
      'credential_type=auth_provider': '',
      'auth_type=api_key': 'a d_Models expired',
      'auth_type=basic_auth': 'b',
      'auth_type=custom': 'c inactive',
      'status=active': 'a b c d_Models',
      'status=inactive': 'inactive',
      'status=expired': 'expired',
      'search=models': 'a d_Models',
      'search=100%25': 'a',
      'search=d_m': 'd_Models',
      'search=_': 'd_Models',
      'search=absent': '',
      'search=': 'a b c d_Models expired inactive',
      'auth_type=api_key&credential_type=llm&status=active&search=a': 'a',
      'auth_type=api_key&status=expired': 'expired',
    };
    for (const [query, labels] of Object.entries(filters)) {
      it(`?${query} lists ${labels === '' ? 'nothing' : labels}, and counts it`, async () => {
        const total = labels === '' ? 0 : labels.split(' ').length;
        expect(await list(query)).to.include({ labels, total });
      });
    }

    const refusals: Record<string, object> = {
      'skip=-1': { type: 'greater_than_equal', ctx: { ge: 0 }, input: '-1' },
      'limit=0': { type: 'greater_than_equal', ctx: { ge: 1 }, input: '0' },
      'limit=1001': { type: 'less_than_equal', ctx: { le: 1000 }, input: '1001' },
      'limit=ten': { type: 'int_parsing', input: 'ten' },
      'credential_type=llms': { type: 'enum', input: 'llms' },
      'auth_type=': { type: 'enum', input: '' },
      'status=deleted': { type: 'enum', ctx: { expected: "'active', 'inactive' or 'expired'" }, input: 'deleted' },
      'search=%00': { type: 'value_error' },
    };
    for (const [query, entry] of Object.entries(refusals)) {
      it(`?${query} is refused with 422`, async () => {
        const reply = await inWorkspace('GET', `${base}?${query}`);
        expect(reply.status).to.equal(422);
        expect(reply.body).to.have.nested.property('detail[0]').that.deep.includes(entry);
        expect(locationsOf(reply)).to.deep.equal([query.split('=')[0]]);
      });
    }

    it('?limit=0&skip=x&status=y is refused with every fault, in the order of the model', async () => {
      const reply = await inWorkspace('GET', `${base}?status=y&limit=0&skip=x`);
      expect(locationsOf(reply)).to.deep.equal(['skip', 'limit', 'status']);
    });
  });
});

/** The members that a 422 names. */
function locationsOf(reply: RestReply): unknown[] {
  const detail = memberOf(parseObject(reply.text), 'detail');
  if (!Array.isArray(detail)) throw new Error(`no faults: ${reply.text}`);
  return detail.map((entry) => {
    const loc = memberOf(entry, 'loc');
    return Array.isArray(loc) ? loc[1] : undefined;
  });
}
