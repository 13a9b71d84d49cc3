import { expect } from 'chai';
import { dialectNames } from '../../src/dialects/index.ts';
import { createDialectChoice } from '../../src/dialects/shared-paths.ts';
import type { SharedPathRequest } from '../../src/gateway/routes/route-table.ts';
import type { Caller } from '../../src/vault/caller.ts';
import { VaultError } from '../../src/vault/errors.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf, parseObject } from '../support/json.ts';
import { restClient } from './call-rest.ts';

type Sign = Partial<Omit<SharedPathRequest, 'query' | 'headers'>> & {
  readonly search?: string;
  readonly header?: string;
};

const caller: Caller = {
  kind: 'user',
  id: '018cc251-f400-7000-8000-00000000b002',
  name: 'somebody',
  userId: '018cc251-f400-7000-8000-00000000b002',
  authentication: 'session',
  sessionId: null,
  expiresAt: null,
  isOwner: false,
  defaultWorkspaceId: '018cc251-f400-7000-8000-00000000a001',
  grants: [],
  dialect: null,
};

/** Whose each id is, in the tests of the table. */
async function originOf(call: object, id: string): Promise<string | undefined> {
  expect(call).to.include({ caller, workspaceId: caller.defaultWorkspaceId });
  if (id === 'lost') throw new VaultError('unavailable', 'the database is away');
  return { ofFlowise: 'flowise', ofMielto: 'mielto', ofScale: 'scale' }[id];
}

async function chosen({ search, header, ...signs }: Sign): Promise<string | undefined> {
  return createDialectChoice({ originOf })(['flowise', 'mielto'], {
    path: '/api/v1/credentials',
    caller: undefined,
    callerDialect: undefined,
    body: undefined,
    pathValues: [],
    signal: new AbortController().signal,
    ...signs,
    query: new URLSearchParams(search),
    headers: new Headers(header === undefined ? {} : { [header]: 'x' }),
  });
}

const isFlowise = (body: unknown) => typeof body === 'object' && body !== null && 'credentialName' in body;
const isMielto = (body: unknown) => typeof body === 'object' && body !== null && 'credential_scope' in body;

describe('a path that flowise and mielto share is answered', () => {
  const rows: readonly [string, string, Sign][] = [
    ['flowise', '(1) by its mount prefix', { path: '/flowise/api/v1/credentials', callerDialect: 'mielto' }],
    ['mielto', '(1) by its mount prefix', { path: '/mielto/api/v1/credentials/', callerDialect: 'flowise' }],
    ['flowise', '(2) for a key of its own', { callerDialect: 'flowise', body: { label: 'a' } }],
    ['mielto', '(2) for a key of its own', { callerDialect: 'mielto', body: { credentialName: 'a' } }],
    ...['credentialName', 'credentialData', 'plainDataObj'].map((member): [string, string, Sign] => [
      'flowise',
      `(3) for a body with ${member}`,
      { body: { [member]: null }, header: 'x-api-key' },
    ]),
    ...['label', 'auth_type', 'credential_scope', 'credentials'].map((member): [string, string, Sign] => [
      'mielto',
      `(3) for a body with ${member}`,
      { path: '/api/v1/credentials/', body: { [member]: null }, header: 'x-request-from' },
    ]),
    ...['credentialName=a', 'credentialName[]=a', 'credentialName%5B%5D=a'].map((search): [string, string, Sign] => [
      'flowise',
      `(4) for the query ${search}`,
      { search, header: 'x-api-key' },
    ]),
    ['flowise', '(4) for the header x-request-from', { header: 'x-request-from' }],
    ...['skip=0', 'limit=1', 'auth_type=api_key', 'credential_type=llm'].map((search): [string, string, Sign] => [
      'mielto',
      `(4) for the query ${search}`,
      { path: '/api/v1/credentials/', search },
    ]),
    ...['X-Workspace-Id', 'X-API-Key'].map((header): [string, string, Sign] => [
      'mielto',
      `(4) for the header ${header}`,
      { path: '/api/v1/credentials/', header },
    ]),
    ['flowise', '(5) for the id of a credential of its own', { caller, pathValues: ['ofFlowise'] }],
    [
      'mielto',
      '(5) for the id of a credential of its own',
      { path: '/api/v1/credentials/ofMielto/', caller, pathValues: ['ofMielto'] },
    ],
    [
      'mielto',
      '(4) for its header, though the id is that of the other',
      { header: 'x-api-key', caller, pathValues: ['ofFlowise'] },
    ],
    ['flowise', '(6) for a trailing slash', { path: '/api/v1/credentials/' }],
    ['mielto', '(6) without a trailing slash', {}],
  ];
  for (const [dialect, title, sign] of rows) {
    it(`by ${dialect} ${title}`, async () => {
      expect(await chosen(sign)).to.equal(dialect);
    });
  }

  it('by neither of them because of a key that was issued for a third', async () => {
    expect(await chosen({ callerDialect: 'scale' })).to.equal('mielto');
    expect(await chosen({ callerDialect: 'scale', body: { credentialName: 'a' } })).to.equal('flowise');
  });

  for (const id of ['ofScale', 'unknown', 'lost']) {
    it(`by its spelling, where the id is ${id}`, async () => {
      expect(await chosen({ caller, pathValues: [id] })).to.equal('mielto');
      expect(await chosen({ path: '/api/v1/credentials/x/', caller, pathValues: [id] })).to.equal('flowise');
    });
  }

  it('with no regard to the id that a stranger names', async () => {
    expect(await chosen({ pathValues: ['ofFlowise'] })).to.equal('mielto');
  });

  it('with no regard to members that every object inherits, or to a body that is no object', async () => {
    expect(await chosen({ path: '/api/v1/credentials/', body: ['label'] })).to.equal('flowise');
    expect(await chosen({ path: '/api/v1/credentials/', body: 'label' })).to.equal('flowise');
    expect(await chosen({ body: { toString: 'credentialName' } })).to.equal('mielto');
  });
});

describe('/api/v1/credentials over HTTP', () => {
  const flowise = { name: 'mine', credentialName: 'openAIApi', credentialData: { openAIApiKey: 'sk-1' } };
  const mielto = { label: 'mine', auth_type: 'api_key', credential_scope: 'workspace', credentials: { key: 'sk-1' } };
  const path = '/api/v1/credentials';
  let coffer: TestCoffer;

  before(async () => {
    coffer = await startCoffer();
  });
  after(() => coffer.stop());

  async function post(url: string, body: object, headers: Record<string, string>) {
    const response = await fetch(`${coffer.origin}${url}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: JSON.parse(await response.text()) };
  }

  async function keyFor(dialect?: string): Promise<Record<string, string>> {
    const token = await coffer.issueKey({ role: 'EDITOR', ...(dialect !== undefined && { dialect }) });
    return { authorization: `Bearer ${token}` };
  }

  async function create(body: object): Promise<string> {
    return textOf(parseObject(JSON.stringify((await post(path, body, await keyFor())).body)), 'id');
  }

  async function get(url: string, headers: Record<string, string>) {
    return restClient(coffer.origin)({ path: url, headers });
  }

  it('distinguishes two clients by their bodies, with one key, on either spelling of the path', async () => {
    const headers = await keyFor();
    for (const url of [path, `${path}/`]) {
      expect((await post(url, flowise, headers)).body).to.have.property('encryptedData');
      expect((await post(url, mielto, headers)).body).to.have.property('credential_scope', 'workspace');
    }
  });

  it('lets the mount prefix outweigh the key, and the key the body', async () => {
    const headers = await keyFor('mielto');
    expect((await post(`/flowise${path}`, flowise, headers)).body).to.have.property('encryptedData');
    expect((await post(path, flowise, headers)).status).to.equal(422);
    expect((await post(`${path}/`, mielto, await keyFor('flowise'))).status).to.equal(412);
  });

  it('lets the body outweigh headers and query', async () => {
    const headers = { ...(await keyFor()), 'x-request-from': 'internal' };
    expect((await post(`${path}?credentialName=a`, mielto, headers)).body).to.have.property('label');
  });

  it('lets headers and query outweigh the path, where the body shows nothing', async () => {
    const headers = await keyFor();
    expect((await post(path, {}, { ...headers, 'x-request-from': 'internal' })).status).to.equal(412);
    expect((await post(`${path}/?limit=1`, {}, headers)).status).to.equal(422);
  });

  const flowiseRefusal = { status: 401, body: { error: 'Unauthorized Access' } };
  const mieltoRefusal = { status: 401, body: { detail: 'Not authenticated' } };
  const anonymous: readonly [string, object, Record<string, string>, object][] = [
    [`/flowise${path}`, mielto, {}, flowiseRefusal],
    [`/mielto${path}/`, flowise, {}, mieltoRefusal],
    [`${path}?credentialName=a`, mielto, {}, flowiseRefusal],
    [`${path}/?limit=1`, flowise, {}, mieltoRefusal],
    [path, mielto, { 'x-request-from': 'internal' }, flowiseRefusal],
    [`${path}/`, flowise, { 'x-api-key': 'cof_wrong' }, mieltoRefusal],
    [`${path}/`, mielto, {}, flowiseRefusal],
    [path, flowise, {}, mieltoRefusal],
  ];
  for (const [url, body, headers, refusal] of anonymous) {
    it(`refuses a stranger without looking at the body: ${url} ${Object.keys(headers).join()}`, async () => {
      expect(await post(url, body, headers)).to.deep.equal(refusal);
    });
  }

  describe('and by id', () => {
    it('(5) by the dialect that created the credential, on either spelling of the path', async () => {
      const headers = await keyFor();
      const [ofFlowise, ofMielto] = [await create(flowise), await create(mielto)];
      for (const slash of ['', '/']) {
        expect((await get(`${path}/${ofFlowise}${slash}`, headers)).body).to.satisfy(isFlowise);
        expect((await get(`${path}/${ofMielto}${slash}`, headers)).body).to.satisfy(isMielto);
      }
    });

    it('(5) by the dialect that created it, also when it has been deleted', async () => {
      const headers = await keyFor();
      const [ofFlowise, ofMielto] = [await create(flowise), await create(mielto)];
      const remove = (id: string) => restClient(coffer.origin)({ method: 'DELETE', path: `${path}/${id}`, headers });
      expect((await remove(ofFlowise)).body).to.deep.equal({ raw: [], affected: 1 });
      expect((await remove(ofFlowise)).body).to.deep.equal({ raw: [], affected: 0 });
      expect((await get(`${path}/${ofFlowise}`, headers)).body).to.include({ statusCode: 404 });
      expect((await remove(ofMielto)).body).to.satisfy(isMielto);
      expect((await get(`${path}/${ofMielto}/`, headers)).body).to.deep.equal({ detail: 'Credential not found' });
    });

    it('(5) but not for a credential of another workspace', async () => {
      const workspaceId = await coffer.createWorkspace('elsewhere');
      const token = await coffer.issueKey({ role: 'EDITOR', workspaceId });
      const id = await create(flowise);
      const { status, body } = await get(`${path}/${id}`, { authorization: `Bearer ${token}` });
      expect({ status, body }).to.deep.equal({ status: 404, body: { detail: 'Credential not found' } });
    });

    it('(5) but not for a stranger', async () => {
      const id = await create(flowise);
      expect((await get(`${path}/${id}`, {})).body).to.deep.equal(mieltoRefusal.body);
      expect((await get(`${path}/${id}/`, {})).body).to.deep.equal(flowiseRefusal.body);
    });

    it('(1) to (4) before (5): prefix, key, body, query and headers outweigh whose the credential is', async () => {
      const id = await create(flowise);
      const headers = await keyFor();
      expect((await get(`/mielto${path}/${id}`, headers)).body).to.satisfy(isMielto);
      expect((await get(`${path}/${id}`, await keyFor('mielto'))).body).to.satisfy(isMielto);
      expect((await get(`${path}/${id}?limit=1`, headers)).body).to.satisfy(isMielto);
      const ofMielto = await create(mielto);
      expect((await get(`${path}/${ofMielto}`, { ...headers, 'x-request-from': 'internal' })).body).to.satisfy(
        isFlowise,
      );
      const put = await restClient(coffer.origin)({
        method: 'PUT',
        path: `${path}/${ofMielto}`,
        headers,
        body: { plainDataObj: { key: 'sk-2' } },
      });
      expect(put.body).to.have.property('encryptedData');
    });

    it('(6) by the spelling of the path where the credential is unknown or that of a third dialect', async () => {
      const headers = await keyFor();
      const scale = await post('/v5/credentials', { type: 'key', name: 'third', payload: 'sk-1' }, headers);
      for (const id of [scale.body.id, '018cc251-f400-7000-8000-000000000001', 'nonsense']) {
        expect((await get(`${path}/${id}/`, headers)).body).to.satisfy(
          (body: unknown) => isFlowise(body) || /Credential .* not found/.test(JSON.stringify(body)),
        );
        expect((await get(`${path}/${id}`, headers)).body).to.satisfy(
          (body: unknown) => isMielto(body) || JSON.stringify(body) === '{"detail":"Credential not found"}',
        );
      }
    });
  });

  it('issues keys for each dialect, and for no other', async () => {
    for (const dialect of dialectNames) expect(await coffer.issueKey({ role: 'VIEWER', dialect })).to.be.a('string');
    const refused = await post(
      '/v1/workspaces/default/apiKeys',
      { name: 'other', role: 'VIEWER', dialect: 'vaultwarden' },
      { authorization: `Bearer ${coffer.adminToken}` },
    );
    expect(refused.status).to.equal(400);
  });
});
