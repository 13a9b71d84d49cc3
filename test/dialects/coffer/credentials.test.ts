import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { createCredential, nativeClient, type NativeClient } from './native-client.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const credentials = '/v1/workspaces/default/credentials';
const absentId = '018cc251-f400-7000-8000-00000000dead';

/** The whole id in both cases of letters, and the short one. */
const spellings = (id: string) => [id, id.toUpperCase(), `CRD-${id.slice(-17).replace('-', '').toUpperCase()}`];

describe('coffer.v1.CredentialService over REST', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let now = new Date('2024-01-01T00:00:00Z');

  before(async () => {
    coffer = await startCoffer({ now: () => now });
    call = nativeClient(coffer.origin, coffer.adminToken);
  });
  after(() => coffer.stop());

  const patch = (id: string, body: object, query = '', headers = {}) =>
    call({ method: 'PATCH', path: `${credentials}/${id}${query}`, body, headers });

  it('creates a credential of which everything is set, and answers all but its secret', async () => {
    const chosen = {
      name: 'OpenAI',
      description: 'for the bots',
      provider: 'openai',
      auth_type: 'api_key',
      category: 'llm',
      scope: 'workspace',
      subject: 'customer-17',
      tags: ['prod', 'eu'],
      labels: { env: 'prod' },
      metadata: { owner: { team: ['a', null, 1.5, true] } },
      expires_at: '2025-06-01T12:00:00.500Z',
    };
    const body = { credential: chosen, secret: { api_key: 'sk-very-secret' } };
    const created = await call({ method: 'POST', path: credentials, body });
    expect(created.status).to.equal(200);
    const { id, short_id, ...rest } = created.body.credential;
    expect(id).to.match(uuid);
    expect(short_id).to.equal(`CRD-${String(id).slice(-17).replace('-', '').toUpperCase()}`);
    expect(rest).to.deep.equal({
      ...chosen,
      workspace_id: coffer.defaultWorkspaceId,
      state: 'ACTIVE',
      use_count: '0',
      current_version: 1,
      etag: '1',
      origin: 'coffer',
      created_by: rest['created_by'],
      created_at: '2024-01-01T00:00:00Z',
      updated_at: '2024-01-01T00:00:00Z',
    });
    const shown = await call({ path: `${credentials}/${String(id)}` });
    expect(shown.body).to.deep.equal({ ...created.body, recent_consumers: [] });
    expect(JSON.stringify(shown.body)).not.to.contain('sk-very-secret');
  });

  it('needs only a name and a secret, and calls provider and auth type custom', async () => {
    const body = { credential: { name: 'least' }, secret: { token: 't' } };
    const { body: created } = await call({ method: 'POST', path: credentials, body });
    expect(created.credential).to.include({
      provider: 'custom',
      auth_type: 'custom',
      description: '',
      state: 'ACTIVE',
    });
    expect(created.credential).not.to.have.any.keys('expires_at', 'last_used_at', 'metadata', 'deleted_at');
  });

  it('takes the JSON names, too', async () => {
    const body = {
      credential: { name: 'camel', authType: 'jwt', expiresAt: '2030-01-01T00:00:00Z' },
      secret: { t: 't' },
    };
    const { body: created } = await call({ method: 'POST', path: credentials, body });
    expect(created.credential).to.include({ auth_type: 'jwt', expires_at: '2030-01-01T00:00:00Z' });
  });

  it('takes a past expiry, and shows the credential as expired', async () => {
    const id = await createCredential(call, { name: 'late', expires_at: '2023-12-31T23:59:59Z' });
    expect((await call({ path: `${credentials}/${id}` })).body.credential).to.include({ state: 'EXPIRED' });
  });

  it('finds a credential by either spelling of its id, in either spelling of its workspace', async () => {
    const id = await createCredential(call);
    const workspaces = [
      'default',
      coffer.defaultWorkspaceId,
      `WSP-${coffer.defaultWorkspaceId.slice(-17).replace('-', '').toUpperCase()}`,
    ];
    for (const workspace of workspaces) {
      for (const spelling of spellings(id)) {
        const { status, body } = await call({ path: `/v1/workspaces/${workspace}/credentials/${spelling}` });
        expect(status).to.equal(200);
        expect(body.credential).to.include({ id });
      }
    }
  });

  const refusals: Record<string, { readonly body: unknown; readonly field: string }> = {
    'no name': { body: { credential: {}, secret: { t: 't' } }, field: 'name' },
    'an empty name': { body: { credential: { name: '' }, secret: { t: 't' } }, field: 'name' },
    'a name of 256 characters': { body: { credential: { name: 'n'.repeat(256) }, secret: { t: 't' } }, field: 'name' },
    'a subject of 256 characters': {
      body: { credential: { name: 'n', subject: 's'.repeat(256) }, secret: { t: 't' } },
      field: 'subject',
    },
    'U+0000 in the subject': {
      body: { credential: { name: 'n', subject: 'a\0' }, secret: { t: 't' } },
      field: 'subject',
    },
    'a name that is a number': { body: { credential: { name: 7 }, secret: { t: 't' } }, field: 'name' },
    'no credential': { body: { secret: { t: 't' } }, field: 'credential' },
    'no secret': { body: { credential: { name: 'n' } }, field: 'secret' },
    'a secret without a field': { body: { credential: { name: 'n' }, secret: {} }, field: 'secret' },
    'a secret that is a text': { body: { credential: { name: 'n' }, secret: 'hunter2' }, field: 'secret' },
    'a secret beyond 64 KiB': {
      body: { credential: { name: 'n' }, secret: { t: 'hunter2'.padEnd(65_536, 'x') } },
      field: 'secret',
    },
    'a secret with U+0000': { body: { credential: { name: 'n' }, secret: { t: 'hunter2\0' } }, field: 'secret' },
    'a tag of 64 characters': {
      body: { credential: { name: 'n', tags: ['t'.repeat(64)] }, secret: { t: 't' } },
      field: 'tags',
    },
    '65 labels': {
      body: {
        credential: { name: 'n', labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 'v'])) },
        secret: { t: 't' },
      },
      field: 'labels',
    },
    'metadata beyond 16 KiB': {
      body: { credential: { name: 'n', metadata: { m: 'm'.repeat(16_384) } }, secret: { t: 't' } },
      field: 'metadata',
    },
    'a date that does not exist': {
      body: { credential: { name: 'n', expires_at: '2024-02-30T00:00:00Z' }, secret: { t: 't' } },
      field: 'expires_at',
    },
    'an unknown member': { body: { credential: { name: 'n' }, secret: { t: 't' }, hunter2: 1 }, field: 'hunter2' },
    'an unknown member of the credential': {
      body: { credential: { name: 'n', sort: 1 }, secret: { t: 't' } },
      field: 'sort',
    },
  };
  for (const [title, { body, field }] of Object.entries(refusals)) {
    it(`refuses ${title}, naming the member and no value`, async () => {
      const reply = await call({ method: 'POST', path: credentials, body });
      expect(reply.status).to.equal(400);
      expect(reply.body).to.include({ code: 'invalid_argument' });
      expect(reply.body.message).to.contain(field);
      if (field !== 'hunter2') expect(JSON.stringify(reply.body)).not.to.contain('hunter2');
    });
  }

  describe('a list', () => {
    it('shows the newest first, page by page, each credential once', async () => {
      const made = await call({ method: 'POST', path: '/v1/workspaces', body: { workspace: { name: 'pages' } } });
      const workspace = String(made.body.workspace['id']);
      const ids: string[] = [];
      for (const name of ['a', 'b', 'c', 'd', 'e']) ids.unshift(await createCredential(call, { name }, workspace));
      const path = `/v1/workspaces/${workspace}/credentials?page_size=2`;
      const walked: unknown[] = [];
      const sizes: number[] = [];
      let token = '';
      do {
        const { status, body } = await call({ path: `${path}&page_token=${token}` });
        expect(status).to.equal(200);
        walked.push(...body.credentials.map(({ id }) => id));
        sizes.push(body.credentials.length);
        token = body.next_page_token;
      } while (token !== '');
      expect(walked).to.deep.equal(ids);
      expect(sizes).to.deep.equal([2, 2, 1]);
    });

    it('refuses a page token of another workspace', async () => {
      await createCredential(call, { name: 'one' });
      await createCredential(call, { name: 'two' });
      const { body } = await call({ path: `${credentials}?page_size=1` });
      const made = await call({ method: 'POST', path: '/v1/workspaces', body: { workspace: { name: 'another' } } });
      const path = `/v1/workspaces/${String(made.body.workspace['id'])}/credentials?page_token=${body.next_page_token}`;
      const refused = await call({ path });
      expect(refused.status).to.equal(400);
      expect(refused.body.message).to.equal('page_token is not one of this list');
    });

    it('is empty in an empty workspace, its members present', async () => {
      const made = await call({ method: 'POST', path: '/v1/workspaces', body: { workspace: { name: 'empty' } } });
      const { body } = await call({ path: `/v1/workspaces/${String(made.body.workspace['id'])}/credentials` });
      expect(body).to.deep.equal({ credentials: [], next_page_token: '' });
    });

    for (const query of ['page_size=-1', 'page_size=x', 'page_token=x', 'page_size=99999999999', 'filter=x']) {
      it(`refuses ${query}`, async () => {
        const { status, body } = await call({ path: `${credentials}?${query}` });
        expect(status).to.equal(400);
        expect(body).to.include({ code: 'invalid_argument' });
        expect(body.message).to.contain(query.split('=')[0]);
      });
    }

    it('takes a page size beyond the cap for the cap', async () => {
      expect((await call({ path: `${credentials}?page_size=5000` })).status).to.equal(200);
    });
  });

  describe('an update', () => {
    it('changes what was sent, and neither the secret nor the version', async () => {
      const id = await createCredential(call, { name: 'before', description: 'kept', tags: ['a'] });
      now = new Date('2024-01-01T00:00:05Z');
      const { status, body } = await patch(id, { name: 'after', tags: ['b', 'c'] });
      expect(status).to.equal(200);
      expect(body.credential).to.include({ name: 'after', description: 'kept', etag: '2', current_version: 1 });
      expect(body.credential['tags']).to.deep.equal(['b', 'c']);
      expect(body.credential).to.include({ created_at: '2024-01-01T00:00:00Z', updated_at: '2024-01-01T00:00:05Z' });
      now = new Date('2024-01-01T00:00:00Z');
      const shown = await call({ path: `${credentials}/${id}` });
      expect(shown.body.credential).to.deep.equal(body.credential);
    });

    it('changes only what the mask names, and clears what the mask names and was not sent', async () => {
      const id = await createCredential(call, { name: 'before', description: 'gone', auth_type: 'jwt' });
      const { body } = await patch(id, { name: 'ignored', auth_type: 'key' }, '?update_mask=auth_type,description');
      expect(body.credential).to.include({ name: 'before', auth_type: 'key', description: '' });
    });

    it('takes the mask in camel case, and * for all', async () => {
      const id = await createCredential(call, { name: 'before', auth_type: 'jwt', category: 'llm' });
      const camel = await patch(id, { auth_type: 'key' }, '?updateMask=authType');
      expect(camel.body.credential).to.include({ auth_type: 'key', category: 'llm' });
      const all = await patch(id, { name: 'all' }, '?update_mask=*');
      expect(all.body.credential).to.include({ name: 'all', auth_type: 'custom', category: '' });
    });

    for (const mask of ['id', 'state', 'secret', 'nonsense', 'labels.env']) {
      it(`refuses a mask that names ${mask}`, async () => {
        const id = await createCredential(call);
        const { status, body } = await patch(id, { name: 'n' }, `?update_mask=${mask}`);
        expect(status).to.equal(400);
        expect(body.message).to.contain('update_mask');
      });
    }

    it('refuses to clear the name', async () => {
      const id = await createCredential(call);
      expect((await patch(id, {}, '?update_mask=name')).status).to.equal(400);
      expect((await patch(id, { name: '' })).status).to.equal(400);
    });

    it('changes nothing, not even the etag, where nothing differs', async () => {
      const id = await createCredential(call, { name: 'same' });
      const { body } = await patch(id, { name: 'same' });
      expect(body.credential).to.include({ etag: '1' });
    });

    const etags: Record<string, (etag: string) => [query: string, headers: object]> = {
      'If-Match, quoted': (etag) => ['', { 'if-match': `"${etag}"` }],
      'If-Match, bare': (etag) => ['', { 'if-match': etag }],
      'the query': (etag) => [`?etag=${etag}`, {}],
    };
    for (const [title, format] of Object.entries(etags)) {
      it(`is made by ${title} only where the etag is current`, async () => {
        const id = await createCredential(call, { name: 'before' });
        expect((await patch(id, { name: 'first' }, ...format('1'))).body.credential).to.include({ etag: '2' });
        const stale = await patch(id, { name: 'second' }, ...format('1'));
        expect(stale.status).to.equal(409);
        expect(stale.body).to.include({ code: 'aborted' });
        expect(stale.body.details[0]?.debug.metadata).to.deep.equal({ etag: '2' });
        expect((await call({ path: `${credentials}/${id}` })).body.credential).to.include({ name: 'first' });
      });
    }

    it('is made only where the etag that came back with the credential is current', async () => {
      const id = await createCredential(call, { name: 'before' });
      const { body } = await call({ path: `${credentials}/${id}` });
      expect((await patch(id, { ...body.credential, name: 'first' })).status).to.equal(200);
      expect((await patch(id, { ...body.credential, name: 'second' })).status).to.equal(409);
    });

    it('lets one of several at once win by the etag', async () => {
      const id = await createCredential(call, { name: 'before' });
      const names = ['a', 'b', 'c', 'd', 'e', 'f'];
      const replies = await Promise.all(names.map((name) => patch(id, { name }, '?etag=1')));
      expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).to.deep.equal([
        200, 409, 409, 409, 409, 409,
      ]);
    });

    it('of what is absent is not found', async () => {
      expect((await patch(absentId, { name: 'n' })).status).to.equal(404);
    });
  });

  it('deactivates and activates, and both may be repeated', async () => {
    const id = await createCredential(call);
    for (const [verb, state] of [
      ['deactivate', 'INACTIVE'],
      ['deactivate', 'INACTIVE'],
      ['activate', 'ACTIVE'],
      ['activate', 'ACTIVE'],
    ]) {
      const { status, body } = await call({ method: 'POST', path: `${credentials}/${id}:${verb}` });
      expect(status).to.equal(200);
      expect(body.credential).to.include({ state });
    }
  });

  it('deletes: the credential is shown once more, and then no longer', async () => {
    const id = await createCredential(call);
    const stale = await call({ method: 'DELETE', path: `${credentials}/${id}?etag=9` });
    expect(stale.status).to.equal(409);
    const deleted = await call({ method: 'DELETE', path: `${credentials}/${id}` });
    expect(deleted.status).to.equal(200);
    expect(deleted.body.credential).to.include({ id, state: 'DELETED', deleted_at: '2024-01-01T00:00:00Z' });
    expect((await call({ path: `${credentials}/${id}` })).status).to.equal(404);
    expect((await call({ method: 'DELETE', path: `${credentials}/${id}` })).status).to.equal(404);
    const { body } = await call({ path: `${credentials}?page_size=1000` });
    expect(body.credentials.map((credential) => credential['id'])).not.to.contain(id);
  });
});
