import { expect } from 'chai';
import { chooseDialect, type SharedPathRequest } from '../../src/dialects/shared-paths.ts';

type Sign = Partial<Omit<SharedPathRequest, 'query' | 'headers'>> & {
  readonly search?: string;
  readonly header?: string;
};

function chosen({ search, header, ...signs }: Sign): string | undefined {
  return chooseDialect(['flowise', 'mielto'], {
    path: '/api/v1/credentials',
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
    const request = { path: '/v5/credentials/', callerDialect: 'flowise', body: { label: 'a' } };
    const shown = { ...request, query: new URLSearchParams('limit=1'), headers: new Headers({ 'x-api-key': 'x' }) };
    expect(chooseDialect(['scale'], shown)).to.equal('scale');
  });
});
