import { expect } from 'chai';
import { dialectNames } from '../../src/dialects/index.ts';
import { chooseDialect } from '../../src/dialects/shared-paths.ts';
import type { SharedPathRequest } from '../../src/gateway/rest.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';

type Sign = Partial<Omit<SharedPathRequest, 'query' | 'headers'>> & {
  readonly search?: string;
  readonly header?: string;
};

function chosen({ search, header, ...signs }: Sign): string | undefined {
  return chooseDialect(['flowise', 'mielto'], {
    path: '/api/v1/credentials',
    caller: undefined,
    callerDialect: undefined,
    body: undefined,
    ...signs,
    query: new URLSearchParams(search),
    headers: new Headers(header === undefined ? {} : { [header]: 'x' }),
  });
}

describe('a path that flowise and mielto share is answered', () => {
  const rows: readonly [string, string, Sign][] = [
    ['flowise', 'by its mount prefix', { path: '/flowise/api/v1/credentials', callerDialect: 'mielto' }],
    ['mielto', 'by its mount prefix', { path: '/mielto/api/v1/credentials/', callerDialect: 'flowise' }],
    ['flowise', 'for a key of its own', { callerDialect: 'flowise', body: { label: 'a' } }],
    ['mielto', 'for a key of its own', { callerDialect: 'mielto', body: { credentialName: 'a' } }],
    ...['credentialName', 'credentialData', 'plainDataObj'].map((member): [string, string, Sign] => [
      'flowise',
      `for a body with ${member}`,
      { body: { [member]: null }, header: 'x-api-key' },
    ]),
    ...['label', 'auth_type', 'credential_scope', 'credentials'].map((member): [string, string, Sign] => [
      'mielto',
      `for a body with ${member}`,
      { path: '/api/v1/credentials/', body: { [member]: null }, header: 'x-request-from' },
    ]),
    ...['credentialName=a', 'credentialName[]=a', 'credentialName%5B%5D=a'].map((search): [string, string, Sign] => [
      'flowise',
      `for the query ${search}`,
      { search, header: 'x-api-key' },
    ]),
    ['flowise', 'for the header x-request-from', { header: 'x-request-from' }],
    ...['skip=0', 'limit=1', 'auth_type=api_key', 'credential_type=llm'].map((search): [string, string, Sign] => [
      'mielto',
      `for the query ${search}`,
      { path: '/api/v1/credentials/', search },
    ]),
    ...['X-Workspace-Id', 'X-API-Key'].map((header): [string, string, Sign] => [
      'mielto',
      `for the header ${header}`,
      { path: '/api/v1/credentials/', header },
    ]),
    ['flowise', 'for a trailing slash', { path: '/api/v1/credentials/' }],
    ['mielto', 'without a trailing slash', {}],
  ];
  for (const [dialect, title, sign] of rows) {
    it(`by ${dialect} ${title}`, () => {
      expect(chosen(sign)).to.equal(dialect);
    });
  }

  it('by neither of them because of a key that was issued for a third', () => {
    expect(chosen({ callerDialect: 'scale' })).to.equal('mielto');
    expect(chosen({ callerDialect: 'scale', body: { credentialName: 'a' } })).to.equal('flowise');
  });

  it('with no regard to members that every object inherits, or to a body that is no object', () => {
    expect(chosen({ path: '/api/v1/credentials/', body: ['label'] })).to.equal('flowise');
    expect(chosen({ path: '/api/v1/credentials/', body: 'label' })).to.equal('flowise');
    expect(chosen({ body: { toString: 'credentialName' } })).to.equal('mielto');
  });
});

describe('a path that one dialect has for itself', () => {
  it('is answered by it, whatever the request looks like', () => {
    const request = { path: '/v5/credentials/', caller: undefined, callerDialect: 'flowise', body: { label: 'a' } };
    const shown = { ...request, query: new URLSearchParams('limit=1'), headers: new Headers({ 'x-api-key': 'x' }) };
    expect(chooseDialect(['scale'], shown)).to.equal('scale');
  });
});

describe('POST /api/v1/credentials over HTTP', () => {
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

  it('tells two clients apart by their bodies, with one key, on either spelling of the path', async () => {
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
