import { Code, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { SecretService } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { formatShortId } from '../../../src/vault/ids.ts';
import { startCoffer, type KeyOptions, type TestCoffer } from '../../support/coffer.ts';
import { connectCodeOf } from '../../support/refusals.ts';
import { createCredential, nativeClient, type NativeClient, type NativeReply } from './native-client.ts';

const now = new Date('2024-01-01T00:00:00Z');
const absentWorkspace = '018cc251-f400-7abc-8def-000000000004';
const transports: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  'Connect with JSON': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
  'Connect in binary': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2' }),
};

/** The code and the text of a refusal, and its reason. */
const refusalIn = ({ status, body }: NativeReply) => ({ status, code: body['code'], message: body.message });
const reasonOf = ({ body }: NativeReply) => Reflect.get(body.details[0]?.debug ?? {}, 'reason');

describe('ResolveSecret', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let ids: Readonly<Record<'twin' | 'other' | 'off' | 'late' | 'alice' | 'bob' | 'tagged', string>>;

  before(async () => {
    coffer = await startCoffer({ now: () => now });
    call = nativeClient(coffer.origin, coffer.adminToken);
    const create = (credential: object) => createCredential(call, credential);
    const off = await create({ name: 'off', provider: 'openai' });
    ids = {
      twin: await create({ name: 'twin', provider: 'openai' }),
      other: await create({ name: 'twin', provider: 'slack' }),
      off,
      late: await create({ name: 'late', provider: 'openai', expires_at: '2023-01-01T00:00:00Z' }),
      alice: await create({ name: 'key', provider: 'openai', subject: 'alice' }),
      bob: await create({ name: 'key', provider: 'openai', subject: 'bob' }),
      tagged: await create({ name: 'tagged', provider: 'openai', tags: ['mine'] }),
    };
    await call({ method: 'POST', path: `/v1/workspaces/default/credentials/${off}:deactivate`, body: {} });
  });
  after(() => coffer.stop());

  const resolve = (body: object, token = coffer.adminToken, workspace = 'default') =>
    call({ method: 'POST', path: `/v1/workspaces/${workspace}/secrets:resolve`, body, token });
  const key = (options: Partial<KeyOptions>) => coffer.issueKey({ role: 'RUNTIME', ...options });

  describe('finds a secret', () => {
    const queries: Record<string, { readonly query: object; readonly id: () => string }> = {
      'by name and provider': { query: { name: 'twin', provider: 'slack' }, id: () => ids.other },
      'by name and subject': { query: { name: 'key', subject: 'bob' }, id: () => ids.bob },
      'by provider and subject': { query: { provider: 'openai', subject: 'alice' }, id: () => ids.alice },
      'by subject': { query: { subject: 'alice' }, id: () => ids.alice },
      'by all three': { query: { name: 'key', provider: 'openai', subject: 'alice' }, id: () => ids.alice },
    };
    for (const [title, { query, id }] of Object.entries(queries)) {
      it(`${title}, and answers it with its id and its version`, async () => {
        const { status, body, headers } = await resolve(query);
        expect(status, JSON.stringify(body)).to.equal(200);
        expect(body).to.deep.equal({ credential_id: id(), version: 1, secret: { api_key: 'sk-1' } });
        expect(headers.get('cache-control')).to.equal('no-store');
      });
    }

    it('in either spelling of the workspace', async () => {
      for (const workspace of [coffer.defaultWorkspaceId, formatShortId('workspace', coffer.defaultWorkspaceId)]) {
        expect((await resolve({ subject: 'alice' }, coffer.adminToken, workspace)).status).to.equal(200);
      }
    });

    for (const [protocol, createTransport] of Object.entries(transports)) {
      it(`over ${protocol}, and refuses with the same codes`, async () => {
        const client = createClient(SecretService, createTransport(coffer.origin));
        const options = { headers: { authorization: `Bearer ${coffer.adminToken}` } };
        const inWorkspace = { workspaceId: 'default' };
        const { credentialId, secret, value } = await client.resolveSecret({ ...inWorkspace, subject: 'bob' }, options);
        expect({ credentialId, secret, value }).to.deep.equal({
          credentialId: ids.bob,
          secret: { api_key: 'sk-1' },
          value: undefined,
        });
        const byField = await client.resolveSecret({ ...inWorkspace, subject: 'bob', field: 'api_key' }, options);
        expect(byField.secret).to.equal(undefined);
        expect(byField.value?.kind).to.deep.equal({ case: 'stringValue', value: 'sk-1' });
        const codes = [
          client.resolveSecret({ ...inWorkspace, name: 'nothing' }, options),
          client.resolveSecret({ ...inWorkspace, name: 'twin' }, options),
          client.resolveSecret({ workspaceId: absentWorkspace, name: 'twin' }, options),
        ].map(connectCodeOf);
        expect(await Promise.all(codes)).to.deep.equal([Code.NotFound, Code.FailedPrecondition, Code.PermissionDenied]);
      });
    }
  });

  describe('with a field', () => {
    const values = {
      text: 's',
      number: 1.5,
      nothing: null,
      flag: false,
      list: [1, { a: [] }],
      nested: { b: { c: '' } },
    };

    it('answers only the field, of any type', async () => {
      await call({
        method: 'POST',
        path: '/v1/workspaces/default/credentials',
        body: { credential: { name: 'fields' }, secret: values },
      });
      for (const [field, value] of Object.entries(values)) {
        const { status, body } = await resolve({ name: 'fields', field });
        expect({ status, value: body['value'] }).to.deep.equal({ status: 200, value });
        expect(body).to.have.all.keys('credential_id', 'version', 'value');
      }
    });

    it('refuses one that the secret does not have, be it one of every object, and counts no use', async () => {
      for (const field of ['none', 'constructor', 'nested.b', 'toString', 'Text']) {
        const refused = await resolve({ name: 'fields', field });
        expect([refused.status, reasonOf(refused)], field).to.deep.equal([400, 'FIELD_NOT_FOUND']);
        expect(JSON.stringify(refused.body)).not.to.include('"s"');
      }
    });
  });

  describe('with a version', () => {
    let id: string;

    before(async () => {
      id = await createCredential(call, { name: 'versioned', subject: 'dora' });
      const versions = `/v1/workspaces/default/credentials/${id}/versions`;
      for (const api_key of ['sk-2', 'sk-3']) {
        await call({ method: 'POST', path: versions, body: { secret: { api_key } } });
      }
      await call({ method: 'POST', path: `${versions}/2:destroy`, body: {} });
    });

    it('answers that one, and the current one for 0', async () => {
      for (const [version, shown, api_key] of [
        [1, 1, 'sk-1'],
        [3, 3, 'sk-3'],
        [0, 3, 'sk-3'],
      ] as const) {
        for (const query of [{ name: 'versioned' }, { subject: 'dora' }]) {
          const { body } = await resolve({ ...query, version });
          expect(body).to.deep.equal({ credential_id: id, version: shown, secret: { api_key } });
        }
        expect((await resolve({ name: 'versioned', version, field: 'api_key' })).body['value']).to.equal(api_key);
      }
    });

    it('refuses one that was destroyed, or never existed, as FAILED_PRECONDITION', async () => {
      for (const [version, reason] of [
        [2, 'VERSION_DESTROYED'],
        [4, 'VERSION_NOT_FOUND'],
        [2_147_483_647, 'VERSION_NOT_FOUND'],
      ] as const) {
        const refused = await resolve({ name: 'versioned', version });
        expect([refused.status, refused.body['code'], reasonOf(refused)]).to.deep.equal([
          400,
          'failed_precondition',
          reason,
        ]);
      }
    });

    it('does not find a version of what is absent, ambiguous or outside of the scope', async () => {
      expect((await resolve({ name: 'none', version: 1 })).status).to.equal(404);
      expect(reasonOf(await resolve({ name: 'twin', version: 1 }))).to.equal('AMBIGUOUS_NAME');
      const scoped = await key({ providers: ['slack'] });
      expect((await resolve({ name: 'versioned', version: 1 }, scoped)).status).to.equal(403);
    });
  });

  describe('refuses', () => {
    it('several active ones, naming their ids', async () => {
      const refused = await resolve({ name: 'twin' });
      expect([refused.status, refused.body['code']]).to.deep.equal([400, 'failed_precondition']);
      expect(reasonOf(refused)).to.equal('AMBIGUOUS_NAME');
      const expected = [ids.twin, ids.other].toSorted();
      for (const id of expected) expect(refused.body.message).to.include(id);
      const metadata = refused.body.details[0]?.debug.metadata ?? {};
      expect(String(Reflect.get(metadata, 'credential_ids')).split(',').toSorted()).to.deep.equal(expected);
    });

    it('more than ten, naming ten', async () => {
      for (let count = 0; count < 12; count += 1) await createCredential(call, { name: 'many' });
      const { body } = await resolve({ name: 'many' });
      expect(body.message.match(/[0-9a-f-]{36}/g)).to.have.length(10);
    });

    it('inactive and expired ones as a reveal does', async () => {
      for (const name of ['off', 'late'] as const) {
        const refused = await resolve({ name });
        const revealed = await call({
          method: 'POST',
          path: `/v1/workspaces/default/credentials/${ids[name]}:reveal`,
          body: {},
        });
        expect(refusalIn(refused)).to.deep.equal(refusalIn(revealed));
        expect(reasonOf(refused)).to.equal(name === 'off' ? 'CREDENTIAL_INACTIVE' : 'CREDENTIAL_EXPIRED');
      }
    });

    it('what is not the same byte for byte, deleted or absent', async () => {
      const id = await createCredential(call, { name: 'gone', subject: 'gone' });
      await call({ method: 'DELETE', path: `/v1/workspaces/default/credentials/${id}` });
      const queries = [
        { name: 'gone' },
        { subject: 'gone' },
        { name: 'Twin', provider: 'slack' },
        { name: 'twin', provider: 'slac' },
        { name: 'twin', provider: 'slack', subject: 'alice' },
        { name: 'tw%' },
        { subject: 'alice', provider: 'slack' },
      ];
      const refusals = await Promise.all(queries.map((query) => resolve(query)));
      for (const refused of refusals) {
        expect(refusalIn(refused)).to.deep.equal({ status: 404, code: 'not_found', message: 'credential not found' });
        expect(reasonOf(refused)).to.equal('NOT_FOUND');
      }
    });

    const invalid: Record<string, object> = {
      'neither a name nor a subject': {},
      'a provider alone': { provider: 'openai' },
      'a field alone': { field: 'api_key' },
      'an empty name': { name: '' },
      'a name of 256 characters': { name: 'n'.repeat(256) },
      'a subject of 256 characters': { subject: 's'.repeat(256) },
      'a field of 256 characters': { name: 'twin', field: 'f'.repeat(256) },
      'a purpose of 256 characters': { name: 'twin', purpose: 'p'.repeat(256) },
      'a negative version': { name: 'twin', version: -1 },
      'U+0000 in the name': { name: 'a\0' },
      'a member that it does not have': { name: 'twin', state: 'ACTIVE' },
    };
    for (const [title, query] of Object.entries(invalid)) {
      it(title, async () => {
        const { status, body } = await resolve(query);
        expect([status, body['code']]).to.deep.equal([400, 'invalid_argument']);
      });
    }
  });

  describe('takes care that "not found" means an absent credential', () => {
    it('to a caller without the permission in a workspace, whether it is theirs, another, unknown or deleted', async () => {
      const foreign = await coffer.createWorkspace('foreign');
      const deleted = await coffer.createWorkspace('deleted');
      await call({ method: 'DELETE', path: `/v1/workspaces/${deleted}?name=deleted` });
      const own = await coffer.createWorkspace('own');
      const callers = {
        VIEWER: [await key({ role: 'VIEWER', workspaceId: own }), own],
        'EDITOR without reveal': [await key({ role: 'EDITOR', workspaceId: own, withoutReveal: true }), own],
        RUNTIME: [await key({ workspaceId: own }), foreign],
      } as const;
      for (const [title, [token, workspace]] of Object.entries(callers)) {
        const places = [workspace, foreign, deleted, absentWorkspace, 'WSP-0123456789ABCDEF', 'nonsense'];
        const answers = await Promise.all(places.map((place) => resolve({ name: 'twin' }, token, place)));
        for (const answer of answers) {
          expect([title, answer.status, answer.body]).to.deep.equal([title, 403, answers[0]?.body]);
        }
        expect(answers[0]?.body['code']).to.equal('permission_denied');
      }
      // Authorization comes before validation.
      expect((await resolve({}, await key({ workspaceId: own }), foreign)).status).to.equal(403);
    });

    /** What keys that are limited get for a query whose only matches are those, and for one that matches nothing. */
    const scopes: Record<string, { readonly options: Partial<KeyOptions>; readonly statuses: Record<string, number> }> =
      {
        'to a provider': {
          options: { providers: ['openai'] },
          statuses: { within: 200, byName: 403, pinned: 404, otherProvider: 403, bySubject: 403 },
        },
        'to subjects': {
          options: { subjects: ['alice', 'nobody'] },
          statuses: { within: 200, byName: 403, pinned: 404, otherProvider: 404, bySubject: 404, otherSubject: 403 },
        },
        'to a provider and subjects': {
          options: { providers: ['openai'], subjects: ['alice', 'nobody'] },
          statuses: { within: 200, byName: 403, pinned: 404, otherProvider: 403, bySubject: 403, otherSubject: 403 },
        },
        'to a tag': {
          options: { tags: ['mine'] },
          statuses: { tagged: 200, within: 403, byName: 403, pinned: 403, bySubject: 403, otherSubject: 403 },
        },
        'to a tag and a provider': {
          options: { tags: ['mine'], providers: ['openai'] },
          statuses: { tagged: 200, within: 403, byName: 403, pinned: 403 },
        },
      };
    const queries: Record<string, object> = {
      within: { provider: 'openai', subject: 'alice' },
      tagged: { name: 'tagged' },
      byName: { name: 'absent', provider: 'openai', subject: 'nobody' },
      pinned: { provider: 'openai', subject: 'nobody' },
      otherProvider: { provider: 'slack', subject: 'nobody' },
      bySubject: { subject: 'nobody' },
      otherSubject: { provider: 'openai', subject: 'bob' },
    };
    for (const [title, { options, statuses }] of Object.entries(scopes)) {
      it(`to a key that is limited ${title}`, async () => {
        const token = await key(options);
        const texts = new Map<number, Set<string>>();
        for (const [name, status] of Object.entries(statuses)) {
          const answer = await resolve(queries[name] ?? {}, token);
          expect(answer.status, `${name}: ${JSON.stringify(answer.body)}`).to.equal(status);
          if (status !== 200) texts.set(status, (texts.get(status) ?? new Set()).add(JSON.stringify(answer.body)));
        }
        for (const refused of texts.values()) expect([...refused]).to.have.length(1);
      });
    }

    it('to a key for one credential, whether another of the name exists or not', async () => {
      const token = await key({ credentialIds: [ids.twin] });
      expect((await resolve({ name: 'twin' }, token)).body['credential_id']).to.equal(ids.twin);
      const refusals = await Promise.all([{ name: 'off' }, { name: 'absent' }].map((query) => resolve(query, token)));
      for (const refused of refusals) expect(refused.status).to.equal(403);
      expect(refusals[0]?.body).to.deep.equal(refusals[1]?.body);
    });

    it('by a scope that is applied before matches are counted', async () => {
      const { status, body } = await resolve({ name: 'key' }, await key({ subjects: ['alice'] }));
      expect([status, body['credential_id']]).to.deep.equal([200, ids.alice]);
      const others = await resolve({ name: 'many' }, await key({ providers: ['slack'] }));
      expect(others.status).to.equal(403);
    });
  });

  it('is a reveal in the trail, with version, field and purpose, and a use', async () => {
    const id = await createCredential(call, { name: 'audited', subject: 'carol' });
    await resolve({ name: 'audited', field: 'api_key', purpose: 'nightly sync' });
    const { body } = await call({ path: `/v1/workspaces/default/auditEvents?resource_id=${id}&page_size=1` });
    expect(body['audit_events']).to.have.nested.property('[0]').that.includes({
      action: 'secrets.reveal',
      outcome: 'OK',
      version: 1,
      field: 'api_key',
      purpose: 'nightly sync',
    });
    expect(JSON.stringify(body)).not.to.include('carol');
    const denied = await key({ providers: ['slack'] });
    await resolve({ subject: 'carol', provider: 'openai' }, denied);
    await resolve({ name: 'audited' }, denied);
    const events = await call({ path: '/v1/workspaces/default/auditEvents?page_size=2' });
    expect(JSON.stringify(events.body)).to.include('audited').and.not.include('carol');
    for (const index of [0, 1]) {
      expect(events.body['audit_events'])
        .to.have.nested.property(`[${index}]`)
        .that.includes({ action: 'access.denied', permission: 'secrets.reveal' });
    }
  });
});
