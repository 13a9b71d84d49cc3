import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';

describe('the front page', () => {
  let coffer: TestCoffer;

  before(async () => {
    coffer = await startCoffer();
  });

  after(() => coffer.stop());

  const ask = (method: string, accept: string) => fetch(`${coffer.origin}/`, { method, headers: { accept } });

  it('leads a browser to the API documents, without a script or anything from elsewhere', async () => {
    const response = await ask('GET', 'text/html,application/xhtml+xml,*/*;q=0.8');
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.equal('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).to.match(/^default-src 'none'/);
    const page = await response.text();
    expect(page)
      .to.include('<a href="/docs">')
      .and.not.to.include('<script')
      .and.not.to.match(/https?:/);
    const head = await ask('HEAD', 'text/html');
    expect([head.status, await head.text()]).to.deep.equal([200, '']);
    expect(head.headers.get('content-length')).to.equal(String(page.length));
  });

  it('names the documents in JSON to other clients', async () => {
    const response = await ask('GET', 'application/json');
    expect(response.status).to.equal(200);
    expect(await response.json()).to.deep.equal({ docs: '/docs', openapi: '/openapi.json' });
  });
});
