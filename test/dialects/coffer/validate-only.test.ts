import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { connectCodeOf } from '../../support/refusals.ts';
import { restClient } from '../call-rest.ts';
import { createCredential, nativeClient, type NativeClient } from './native-client.ts';

const credentials = '/v1/workspaces/default/credentials';
const absentId = '018cc251-f400-7000-8000-00000000dead';

describe('a call with validate_only', () => {
  let coffer: TestCoffer;
  let call: NativeClient;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = nativeClient(coffer.origin, coffer.adminToken);
  });
  after(() => coffer.stop());

  const create = (body: object, token = coffer.adminToken) =>
    call({ method: 'POST', path: credentials, body: { secret: { k: 'v' }, validate_only: true, ...body }, token });
  const update = (id: string, body: object, query = '', headers = {}) =>
    call({ method: 'PATCH', path: `${credentials}/${id}?validate_only=true${query}`, body, headers });

  /** Everything that a call could leave: rows, versions and events. */
  async function stored(): Promise<unknown> {
    const list = await call({ path: `${credentials}?page_size=1000` });
    const events = await call({ path: '/v1/workspaces/default/auditEvents?page_size=1000' });
    return [list.body, events.body];
  }

  it('creates nothing, and answers what would be created without ids, etag and event', async () => {
    const before = await stored();
    const credential = { name: 'draft', provider: 'openai', tags: ['a'], expires_at: '2030-01-01T00:00:00Z' };
    const { status, body, headers } = await create({ credential });
    expect(status).to.equal(200);
    expect(body.credential).to.deep.include({ ...credential, id: '', short_id: '', etag: '', state: 'ACTIVE' });
    expect(headers.get('etag')).to.equal(null);
    expect(JSON.stringify(body)).not.to.contain('"v"');
    expect(await stored()).to.deep.equal(before);
  });

  it('updates nothing, and answers what would be left, without ids, etag and event', async () => {
    const id = await createCredential(call, { name: 'kept', description: 'as it was' });
    const before = await stored();
    const { status, body, headers } = await update(id, { name: 'changed' }, '', { 'if-match': '"1"' });
    expect(status).to.equal(200);
    const expected = { name: 'changed', description: 'as it was', id: '', short_id: '', etag: '' };
    expect(body.credential).to.deep.include(expected);
    expect(headers.get('etag')).to.equal(null);
    expect(await stored()).to.deep.equal(before);
  });

  it('refuses a creation as the creation itself does, and without an event of it', async () => {
    const scoped = await coffer.issueKey({ role: 'EDITOR', providers: ['within'] });
    const refused: readonly (readonly [body: object, token?: string])[] = [
      [{ credential: {} }],
      [{ credential: { name: 'n'.repeat(256) } }],
      [{ credential: { name: 'n', tags: [''] } }],
      [{ credential: { name: 'n', metadata: { m: 'm'.repeat(16_384) } } }],
      [{ credential: { name: 'n' }, secret: {} }],
      [{ credential: { name: 'n' }, secret: { k: 'k'.repeat(65_536) } }],
      [{ credential: { name: 'n', provider: 'beyond' } }, scoped],
      [{ credential: { name: 'n' } }, await coffer.issueKey({ role: 'VIEWER' })],
    ];
    for (const [body, token] of refused) {
      const preview = await create(body, token);
      expect(preview.status, JSON.stringify(preview.body)).to.be.within(400, 403);
      const real = await create({ ...body, validate_only: false }, token);
      expect([preview.status, preview.body]).to.deep.equal([real.status, real.body]);
    }
  });

  it('refuses an update as the update itself does', async () => {
    const id = await createCredential(call);
    const deleted = await createCredential(call);
    await call({ method: 'DELETE', path: `${credentials}/${deleted}` });
    const refused: readonly (readonly [id: string, body: object, query: string, headers: object])[] = [
      [absentId, { name: 'n' }, '', {}],
      [deleted, { name: 'n' }, '', {}],
      ['nothing', { name: 'n' }, '', {}],
      [id, { name: 'n' }, '', { 'if-match': '"7"' }],
      [id, { name: 'n' }, '&etag=7', {}],
      [id, { name: '' }, '', {}],
      [id, { name: 'n' }, '&update_mask=id', {}],
      [id, { description: 'd'.repeat(1_001) }, '', {}],
    ];
    const before = await stored();
    for (const [target, body, query, headers] of refused) {
      const preview = await update(target, body, query, headers);
      expect(preview.status, JSON.stringify(preview.body)).to.be.within(400, 409);
      const path = `${credentials}/${target}?${query.slice(1)}`;
      const real = await call({ method: 'PATCH', path, body, headers: { ...headers } });
      expect([preview.status, preview.body]).to.deep.equal([real.status, real.body]);
    }
    expect(await stored()).to.deep.equal(before);
  });

  it('refuses a name that another dialect has exclusively, and takes the one that the credential has', async () => {
    const scale = restClient(coffer.origin);
    const ids: string[] = [];
    for (const name of ['first', 'second']) {
      const body = { name, type: 'key', payload: 'p' };
      const { body: made, text } = await scale({
        method: 'POST',
        path: '/scale/v5/credentials',
        body,
        token: coffer.adminToken,
      });
      ids.push(String(Object(made)['id'] ?? expect.fail(text)));
    }
    const [first = '', second = ''] = ids;
    const preview = await update(second, { name: 'first' });
    const real = await call({ method: 'PATCH', path: `${credentials}/${second}`, body: { name: 'first' } });
    expect(preview.status).to.equal(409);
    expect([preview.status, preview.body]).to.deep.equal([real.status, real.body]);
    expect((await update(first, { name: 'first' })).status).to.equal(200);
    expect((await update(second, { name: 'third' })).status).to.equal(200);
  });

  it('is the same over gRPC', async () => {
    const vault = createClient(CredentialService, createGrpcTransport({ baseUrl: coffer.origin }));
    const options = { headers: { authorization: `Bearer ${coffer.adminToken}` } };
    const existing = await createCredential(call);
    const before = await stored();
    const created = await vault.createCredential(
      { workspaceId: 'default', credential: { name: 'n' }, secret: { k: 'v' }, validateOnly: true },
      options,
    );
    const request = { workspaceId: 'default', credentialId: existing, validateOnly: true };
    const updated = await vault.updateCredential({ ...request, credential: { name: 'new' } }, options);
    for (const { credential } of [created, updated]) expect(credential).to.include({ id: '', shortId: '', etag: '' });
    expect(updated.credential).to.include({ name: 'new' });
    const stale = vault.updateCredential({ ...request, credential: { name: 'new' }, etag: '7' }, options);
    expect(await connectCodeOf(stale)).to.equal(Code.Aborted);
    const unstorable = vault.updateCredential({ ...request, credential: { name: 'a\0' } }, options);
    expect(await connectCodeOf(unstorable)).to.equal(Code.InvalidArgument);
    expect(await stored()).to.deep.equal(before);
  });

  it('decides among concurrent changes without holding them up', async () => {
    const id = await createCredential(call);
    const renames = Array.from({ length: 12 }, (_, index) =>
      index % 2 === 0
        ? update(id, { name: `preview ${index}` })
        : call({ method: 'PATCH', path: `${credentials}/${id}`, body: { name: `change ${index}` } }),
    );
    for (const { status } of await Promise.all(renames)) expect(status).to.equal(200);
    const shown = await call({ path: `${credentials}/${id}` });
    expect(shown.body.credential['name']).to.match(/^change/);
    expect(shown.body.credential['etag']).to.equal('7');
  });
});
