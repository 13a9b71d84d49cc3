import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../../support/json.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

const base = '/v5/credentials';
const unknownId = '018cc251-f400-7abc-8def-0123456789ab';
const secretPayload = 'never-to-be-shown';

describe('scale over REST', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let token: string;
  let made = 0;
  let now = new Date('2024-01-01T00:00:00Z');

  before(async () => {
    coffer = await startCoffer({ now: () => now });
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR' });
  });

  after(async () => {
    await coffer.stop();
  });

  async function send(method: string, path: string, body?: unknown): Promise<RestReply> {
    return call({ method, path, headers: { 'x-api-key': token }, body });
  }

  async function create(members: Record<string, unknown> = {}): Promise<{ id: string; name: string; shown: unknown }> {
    made += 1;
    const body = { type: 'key', name: `Credential ${made}`, payload: secretPayload, ...members };
    const reply = await send('POST', base, body);
    expect(reply.status, reply.text).to.equal(200);
    return { id: textOf(parseObject(reply.text), 'id'), name: body.name, shown: reply.body };
  }

  async function versionOf(id: string): Promise<unknown> {
    const native = await coffer.native('GET', `/v1/workspaces/default/credentials/${id}`);
    return memberOf(native, 'credential', 'current_version');
  }

  async function createElsewhere(name: string): Promise<string> {
    const headers = {
      'x-api-key': coffer.adminToken,
      'x-selected-account-id': await coffer.createWorkspace('Elsewhere'),
    };
    const body = { type: 'key', name, payload: secretPayload };
    const reply = await call({ method: 'POST', path: base, headers, body });
    return textOf(parseObject(reply.text), 'id');
  }

  async function createByMielto(credentials: object): Promise<string> {
    const body = { label: 'Foreign', auth_type: 'custom', credential_scope: 'user', credentials };
    const reply = await call({ method: 'POST', path: '/mielto/api/v1/credentials', token, body });
    return textOf(parseObject(reply.text), 'id');
  }

  async function secretOf(id: string): Promise<unknown> {
    const reply = await call({ method: 'POST', path: `/v1/workspaces/default/credentials/${id}:reveal`, token });
    return memberOf(parseObject(reply.text), 'secret');
  }

  describe('GET …/{id} and GET …/name/{name}', () => {
    it('answer the Credential, never its payload', async () => {
      const { id, name, shown } = await create({ description: 'd', credential_metadata: { a: null } });
      for (const path of [`${base}/${id}`, `${base}/name/${encodeURI(name)}`]) {
        const reply = await send('GET', path);
        expect(reply.status).to.equal(200);
        expect(reply.body).to.deep.equal(shown);
        expect(reply.text).to.not.include(secretPayload);
      }
    });

    it('show as null what is unset: description and credential_metadata', async () => {
      const { id } = await create();
      expect((await send('GET', `${base}/${id}`)).body).to.include({ description: null, credential_metadata: null });
    });

    it('find a name with slashes and spaces, however it is escaped', async () => {
      const { id } = await create({ name: 'team a/prod/my key' });
      for (const spelling of ['team%20a/prod/my%20key', 'team%20a%2Fprod%2Fmy%20key']) {
        expect((await send('GET', `${base}/name/${spelling}`)).body, spelling).to.have.property('id', id);
        expect((await send('GET', `${base}/name/${spelling}/`)).body, spelling).to.have.property('id', id);
      }
    });

    it('prefer name/… to {id}: a credential whose name is an id is found by its name', async () => {
      const { id } = await create();
      const { id: namedLikeIt } = await create({ name: id });
      expect((await send('GET', `${base}/name/${id}`)).body).to.have.property('id', namedLikeIt);
      expect((await send('GET', `${base}/${id}`)).body).to.have.property('id', id);
    });
  });

  describe('PATCH …/{id}', () => {
    const subsets: readonly Record<string, unknown>[] = [
      { type: 'json' },
      { name: 'Renamed' },
      { description: 'described' },
      { description: '' },
      { credential_metadata: { b: [1, { c: true }] } },
      { credential_metadata: {} },
      { type: 'other', name: 'Renamed once more', description: 'd', credential_metadata: { e: 'f' } },
    ];
    for (const subset of subsets) {
      it(`changes any subset: ${JSON.stringify(subset)}`, async () => {
        const { id, shown } = await create({ description: 'before', credential_metadata: { a: 1 } });
        const reply = await send('PATCH', `${base}/${id}`, subset);
        expect(reply.status, reply.text).to.equal(200);
        expect(reply.body).to.deep.equal({ ...parseObject(JSON.stringify(shown)), ...subset });
        expect((await send('GET', `${base}/${id}`)).body).to.deep.equal(reply.body);
        expect(await versionOf(id)).to.equal(1);
      });
    }

    it('changes the payload, which becomes the next version and is not answered', async () => {
      const { id, shown } = await create();
      const reply = await send('PATCH', `${base}/${id}`, { payload: 'another-secret' });
      expect(reply.body).to.deep.equal(shown);
      expect(reply.text).to.not.include('another-secret');
      expect(await versionOf(id)).to.equal(2);
      const secret = await send('POST', `${base}/${id}/secret`);
      expect(secret.body).to.deep.equal({ result: 'another-secret', object: 'credential.secret' });
    });

    const unchanging: Record<string, unknown> = {
      'that is {}': {},
      'of nulls': { type: null, name: null, description: null, payload: null, credential_metadata: null },
      'of members that nobody knows': { id: unknownId, object: 'other', created_at: 'x' },
      'with the same payload': { payload: secretPayload },
      'whose payload is ********': { payload: '********' },
      'whose payload is [redacted]': { payload: '[redacted]' },
      'whose payload is ••••': { payload: '••••' },
    };
    for (const [title, body] of Object.entries(unchanging)) {
      it(`changes nothing by a body ${title}`, async () => {
        const { id, shown } = await create({ description: 'kept', credential_metadata: { kept: 1 } });
        const reply = await send('PATCH', `${base}/${id}`, body);
        expect(reply.status, reply.text).to.equal(200);
        expect(reply.body).to.deep.equal(shown);
        expect(await versionOf(id)).to.equal(1);
        expect((await send('POST', `${base}/${id}/secret`)).body).to.have.property('result', secretPayload);
      });
    }

    it('changes nothing by a whole Credential that is sent back', async () => {
      const { id, shown } = await create({ type: 'certificate', credential_metadata: { kept: 1 } });
      const reply = await send('PATCH', `${base}/${id}`, shown);
      expect(reply.body).to.deep.equal(shown);
    });

    it('refuses a name that is taken with 409, and lets a name be its own', async () => {
      const [first, second] = [await create(), await create()];
      const reply = await send('PATCH', `${base}/${second.id}`, { name: first.name });
      expect(reply.status).to.equal(409);
      expect(reply.headers.get('x-should-retry')).to.equal('false');
      expect(reply.body).to.deep.equal({ detail: `Credential with name '${first.name}' already exists` });
      expect((await send('PATCH', `${base}/${second.id}`, { name: second.name })).status).to.equal(200);
    });

    it('refuses what a create refuses, every fault at once, without the payload', async () => {
      const { id } = await create();
      const body = { type: '', name: 5, payload: { nested: secretPayload }, credential_metadata: 'm' };
      const reply = await send('PATCH', `${base}/${id}`, body);
      expect(reply.status).to.equal(422);
      expect(reply.text).to.not.include(secretPayload);
      const types = parseObject(reply.text)['detail'];
      expect(JSON.stringify(types).match(/"type":"[a-z_]+"/g)).to.deep.equal([
        '"type":"string_too_short"',
        '"type":"string_type"',
        '"type":"string_type"',
        '"type":"dict_type"',
      ]);
    });

    it('refuses an empty payload, and leaves the secret', async () => {
      const { id } = await create();
      expect((await send('PATCH', `${base}/${id}`, { payload: '' })).status).to.equal(422);
      expect((await send('POST', `${base}/${id}/secret`)).body).to.have.property('result', secretPayload);
    });
  });

  describe('GET …?limit&name&sort_by&sort_order&starting_after&ending_before', () => {
    let ids: Record<string, string> = {};
    let account: string;

    before(async () => {
      account = await coffer.createWorkspace('Lists');
      ids = {};
      for (const name of ['b', 'a', 'd', 'c']) {
        const reply = await inAccount('POST', base, { type: 'key', name, payload: secretPayload });
        ids[name] = textOf(parseObject(reply.text), 'id');
      }
    });

    async function inAccount(method: string, path: string, body?: unknown): Promise<RestReply> {
      const headers = { 'x-api-key': coffer.adminToken, 'x-selected-account-id': account };
      return call({ method, path, headers, body });
    }

    async function list(query: string): Promise<Record<string, unknown>> {
      const reply = await inAccount('GET', `${base}?${query}`);
      expect(reply.status, reply.text).to.equal(200);
      const { items, ...rest } = parseObject(reply.text);
      return { names: Array.isArray(items) ? items.map((item) => textOf(item, 'name')).join('') : items, ...rest };
    }

    it('answers object, items, has_more, total and limit, 100 by default', async () => {
      expect(await list('')).to.deep.equal({ names: 'badc', object: 'list', has_more: false, total: 4, limit: 100 });
    });

    it('answers in items what a GET answers', async () => {
      const reply = await inAccount('GET', `${base}?limit=1`);
      const single = await inAccount('GET', `${base}/${ids['b']}`);
      expect(memberOf(parseObject(reply.text), 'items')).to.deep.equal([single.body]);
      expect(reply.text).to.not.include(secretPayload);
    });

    const rows: Record<string, [string, boolean]> = {
      'limit=2': ['ba', true],
      'limit=4': ['badc', false],
      'limit=10000': ['badc', false],
      'sort_order=desc': ['cdab', false],
      'sort_by=created_at': ['badc', false],
      'sort_by=updated_at': ['badc', false],
      'sort_by=name': ['abcd', false],
      'sort_by=name&sort_order=desc&limit=3': ['dcb', true],
      'starting_after=[a]': ['dc', false],
      'starting_after=[b]&limit=2': ['ad', true],
      'starting_after=[c]': ['', false],
      'starting_after=[b]&sort_by=name': ['cd', false],
      'starting_after=[c]&sort_by=name&sort_order=desc': ['ba', false],
      'ending_before=[d]': ['ba', false],
      'ending_before=[c]&limit=2': ['ad', true],
      'ending_before=[b]': ['', false],
      'ending_before=[d]&sort_by=name&limit=1': ['c', true],
      'starting_after=[b]&ending_before=[c]': ['ad', false],
      'starting_after=[b]&ending_before=[c]&limit=1': ['a', true],
    };
    for (const [query, [names, hasMore]] of Object.entries(rows)) {
      it(`?${query} answers ${names === '' ? 'no items' : names}${hasMore ? ', and that there are more' : ''}`, async () => {
        const filled = query.replaceAll(/\[(.)\]/g, (_all, name: string) => ids[name] ?? '');
        expect(await list(filled)).to.include({ names, has_more: hasMore, total: 4 });
      });
    }

    it('?sort_by=updated_at puts last what was changed last', async () => {
      now = new Date('2024-01-01T00:00:01Z');
      await inAccount('PATCH', `${base}/${ids['a']}`, { description: 'changed' });
      now = new Date('2024-01-01T00:00:02Z');
      await inAccount('PATCH', `${base}/${ids['b']}`, { description: 'changed' });
      expect(await list('sort_by=updated_at')).to.include({ names: 'dcab' });
      expect(await list('sort_by=updated_at&sort_order=desc&limit=2')).to.include({ names: 'ba', has_more: true });
      expect(await list(`sort_by=updated_at&starting_after=${ids['c']}`)).to.include({ names: 'ab' });
    });

    it('?name= filters exactly, and counts what fits', async () => {
      expect(await list('name=a')).to.include({ names: 'a', total: 1, has_more: false });
      for (const other of ['A', 'a%20', '%25', '']) {
        expect(await list(`name=${other}`), other).to.include({ names: '', total: 0, has_more: false });
      }
    });

    it('continues behind a credential that has been deleted meanwhile', async () => {
      const reply = await inAccount('POST', base, { type: 'key', name: 'e', payload: 'p' });
      const id = textOf(parseObject(reply.text), 'id');
      await inAccount('DELETE', `${base}/${id}`);
      expect(await list(`starting_after=${id}`)).to.include({ names: '', total: 4 });
      expect(await list(`ending_before=${id}`)).to.include({ names: 'badc' });
    });

    const refusals: Record<string, object> = {
      'limit=0': { type: 'greater_than_equal', ctx: { ge: 1 }, input: '0' },
      'limit=10001': { type: 'less_than_equal', ctx: { le: 10_000 }, input: '10001' },
      'limit=x': { type: 'int_parsing', input: 'x' },
      'sort_by=type': {
        type: 'enum',
        ctx: { expected: "'created_at', 'updated_at' or 'name'" },
        input: 'type',
      },
      'sort_order=up': { type: 'enum', ctx: { expected: "'asc' or 'desc'" }, input: 'up' },
      [`starting_after=${unknownId}`]: { type: 'value_error' },
      'starting_after=nonsense': { type: 'value_error' },
      [`ending_before=${unknownId}`]: { type: 'value_error' },
    };
    for (const [query, entry] of Object.entries(refusals)) {
      it(`?${query} is refused with 422`, async () => {
        const reply = await inAccount('GET', `${base}?${query}`);
        expect(reply.status).to.equal(422);
        const [member] = query.split('=');
        expect(reply.body).to.have.nested.property('detail[0]').that.deep.includes(entry);
        expect(reply.body).to.have.deep.nested.property('detail[0].loc', ['query', member]);
        expect(reply.body).to.have.property('detail').with.lengthOf(1);
      });
    }
  });

  describe('DELETE …/{id}', () => {
    it('answers {id, deleted, object}, with a JSON content type and no body; then it is absent, and its name free', async () => {
      const { id, name } = await create();
      const headers = { 'x-api-key': token, 'content-type': 'application/json' };
      const reply = await call({ method: 'DELETE', path: `${base}/${id}`, headers });
      expect(reply.status).to.equal(200);
      expect(reply.body).to.deep.equal({ id, deleted: true, object: 'credential.deleted' });
      expect((await send('DELETE', `${base}/${id}`)).status).to.equal(404);
      expect((await create({ name })).id).to.not.equal(id);
    });
  });

  describe('POST …/{id}/secret and POST …/name/{name}/secret', () => {
    it('answer {result, object}, with a JSON content type and no body, and let no cache keep it', async () => {
      const { id } = await create({ name: 'to be/revealed' });
      const headers = { 'x-api-key': token, 'content-type': 'application/json' };
      for (const place of [id, 'name/to%20be/revealed', 'name/to%20be%2Frevealed']) {
        for (const body of [undefined, '', '{}']) {
          const path = `${base}/${place}/secret`;
          const reply = await call({ method: 'POST', path, headers, ...(body !== undefined && { body }) });
          expect(reply.status, reply.text).to.equal(200);
          expect(reply.body).to.deep.equal({ result: secretPayload, object: 'credential.secret' });
          expect(reply.headers.get('cache-control')).to.equal('no-store');
        }
      }
    });

    it('answer a payload of JSON as the very text that it was', async () => {
      const payload = '{ "b" : 1.0,\n "a": ["x"] }';
      const { id } = await create({ type: 'json', payload });
      expect((await send('POST', `${base}/${id}/secret`)).body).to.have.property('result', payload);
    });

    it('have no other method', async () => {
      const { id } = await create();
      const reply = await send('GET', `${base}/${id}/secret`);
      expect(reply.status).to.equal(405);
      expect(reply.headers.get('allow')).to.equal('POST');
    });

    it('refuse a caller who may not reveal with 403', async () => {
      const { id, name } = await create();
      for (const key of [
        await coffer.issueKey({ role: 'VIEWER' }),
        await coffer.issueKey({ role: 'EDITOR', withoutReveal: true }),
      ]) {
        for (const place of [id, `name/${encodeURI(name)}`]) {
          const path = `${base}/${place}/secret`;
          const reply = await call({ method: 'POST', path, headers: { 'x-api-key': key } });
          expect(reply.status).to.equal(403);
          expect(reply.body).to.have.all.keys('detail');
          expect(reply.text).to.not.include(secretPayload);
        }
      }
    });
  });

  describe('every route', () => {
    it('answers 404 for a name that is absent, deleted or of another account, alike', async () => {
      const deleted = await create({ name: 'Deleted' });
      await send('DELETE', `${base}/${deleted.id}`);
      await createElsewhere('Foreign by name');
      for (const name of ['Absent', 'Deleted', 'Foreign%20by%20name']) {
        for (const [method, suffix] of [
          ['GET', ''],
          ['POST', '/secret'],
        ] as const) {
          const reply = await send(method, `${base}/name/${name}${suffix}`);
          expect(reply.status, name).to.equal(404);
          expect(reply.body).to.deep.equal({ detail: 'Credential not found' });
        }
      }
    });
  });

  describe('with what another dialect created', () => {
    it('reveals the text of a single field, and changes it in its place', async () => {
      const id = await createByMielto({ api_key: 'one' });
      expect((await send('POST', `${base}/${id}/secret`)).body).to.have.property('result', 'one');
      await send('PATCH', `${base}/${id}`, { payload: 'two' });
      expect(await secretOf(id)).to.deep.equal({ api_key: 'two' });
    });

    it('reveals several fields as JSON, and changes them by JSON, whose masks leave them', async () => {
      const id = await createByMielto({ user: 'u', password: 'one' });
      const { body } = await send('POST', `${base}/${id}/secret`);
      expect(body).to.have.property('result', '{"user":"u","password":"one"}');
      await send('PATCH', `${base}/${id}`, { payload: '{"user":"v","password":"********"}' });
      expect(await secretOf(id)).to.deep.equal({ user: 'v', password: 'one' });
    });

    it('keeps the auth type of it when its type is sent back', async () => {
      const id = await createByMielto({ api_key: 'one' });
      const shown = await send('GET', `${base}/${id}`);
      await send('PATCH', `${base}/${id}`, shown.body);
      const native = await coffer.native('GET', `/v1/workspaces/default/credentials/${id}`);
      expect(memberOf(native, 'credential', 'auth_type')).to.equal('custom');
    });
  });
});
