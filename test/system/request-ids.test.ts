import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';

const key = 'a key of the client';

describe('repeated requests', () => {
  let coffer: TestCoffer;
  before(async () => (coffer = await startCoffer()));
  after(() => coffer.stop());

  async function send(method: string, path: string, body: object | undefined, headers: Record<string, string>) {
    const response = await fetch(coffer.origin + path, {
      method,
      headers: {
        authorization: `Bearer ${coffer.adminToken}`,
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const isReplayed = response.headers.get('idempotent-replayed') === 'true';
    return { status: response.status, isReplayed, text: await response.text() };
  }

  it('get the first answer, and change nothing', async () => {
    const body = { credential: { name: 'one' }, secret: { a: 'b' } };
    const headers = { 'idempotency-key': key };
    const first = await send('POST', '/v1/workspaces/default/credentials', body, headers);
    const second = await send('POST', '/v1/workspaces/default/credentials', body, headers);
    expect([first.status, first.isReplayed]).to.deep.equal([200, false]);
    expect(second).to.deep.equal({ ...first, isReplayed: true });
    const listed = await coffer.native('GET', '/v1/workspaces/default/credentials');
    expect(listed['credentials']).to.have.length(1);
    expect(textOf(JSON.parse(first.text), 'credential', 'name')).to.equal('one');
  });
});
