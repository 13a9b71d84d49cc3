import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { createCredential, nativeClient, type NativeClient } from './native-client.ts';

const credentials = '/v1/workspaces/default/credentials';

describe('coffer.v1.SecretService over REST', () => {
  let coffer: TestCoffer;
  let call: NativeClient;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = nativeClient(coffer.origin, coffer.adminToken);
  });
  after(() => coffer.stop());

  const reveal = (id: string, token = coffer.adminToken) =>
    call({ method: 'POST', path: `${credentials}/${id}:reveal`, token });

  const secrets: Record<string, object> = {
    'a single field': { api_key: 'sk-1' },
    'several fields': { bot_token: 'xoxb-1', signing_secret: 's', app_token: '' },
    'any JSON': { nested: { list: [1, 2.5, -0.001, 1e21, null, true, { a: [] }] }, 'with space': {} },
    'letters of all kinds': { 'ключ 🔑': 'ü😀\n\t"\\\u2028', constructor: 'c', toString: 't' },
    'all that 64 KiB hold': { t: 'x'.repeat(65_528) },
  };
  for (const [title, secret] of Object.entries(secrets)) {
    it(`reveals ${title} as it was stored`, async () => {
      const created = await call({ method: 'POST', path: credentials, body: { credential: { name: 'n' }, secret } });
      expect(created.status).to.equal(200);
      const { status, body } = await reveal(String(created.body.credential['id']));
      expect(status).to.equal(200);
      expect(body).to.deep.equal({ secret, version: 1 });
    });
  }

  it('forbids caching the answer', async () => {
    const { headers } = await reveal(await createCredential(call));
    expect(headers.get('cache-control')).to.equal('no-store');
  });

  it('is not to be had by GET', async () => {
    const id = await createCredential(call);
    const byPath = await call({ path: `${credentials}/${id}:reveal` });
    expect(byPath.status).to.equal(405);
    expect(JSON.stringify(byPath.body)).not.to.contain('sk-1');
    const query = new URLSearchParams({
      encoding: 'json',
      message: JSON.stringify({ credential_id: id }),
      connect: 'v1',
    });
    const byConnect = await fetch(`${coffer.origin}/coffer.v1.SecretService/RevealSecret?${query.toString()}`, {
      headers: { authorization: `Bearer ${coffer.adminToken}` },
    });
    expect(byConnect.status).to.equal(405);
    expect(await byConnect.text()).not.to.contain('sk-1');
  });

  it('refuses while the credential is inactive', async () => {
    const id = await createCredential(call);
    await call({ method: 'POST', path: `${credentials}/${id}:deactivate` });
    const { status, body } = await reveal(id);
    expect(status).to.equal(400);
    expect(body).to.include({ code: 'failed_precondition', message: 'Credential is not active' });
    await call({ method: 'POST', path: `${credentials}/${id}:activate` });
    expect((await reveal(id)).status).to.equal(200);
  });

  it('refuses from the very moment of expiry', async () => {
    const id = await createCredential(call, { name: 'late', expires_at: '2024-01-01T00:00:00Z' });
    const { status, body } = await reveal(id);
    expect(status).to.equal(400);
    expect(body).to.include({ code: 'failed_precondition', message: 'Credential has expired' });
    const later = await createCredential(call, { name: 'in time', expires_at: '2024-01-01T00:00:00.001Z' });
    expect((await reveal(later)).status).to.equal(200);
  });

  it('does not find what was deleted', async () => {
    const id = await createCredential(call);
    await call({ method: 'DELETE', path: `${credentials}/${id}` });
    expect((await reveal(id)).status).to.equal(404);
  });

  const holders = [
    { role: 'VIEWER', withoutReveal: false, status: 403 },
    { role: 'RUNTIME', withoutReveal: false, status: 200 },
    { role: 'EDITOR', withoutReveal: false, status: 200 },
    { role: 'EDITOR', withoutReveal: true, status: 403 },
    { role: 'ADMIN', withoutReveal: true, status: 403 },
  ] as const;
  for (const { role, withoutReveal, status } of holders) {
    it(`answers ${status} to a key of ${role}${withoutReveal ? ' without reveal' : ''}`, async () => {
      const token = await coffer.issueKey({ role, withoutReveal });
      const id = await createCredential(call);
      expect((await reveal(id, token)).status).to.equal(status);
      expect((await call({ path: `${credentials}/${id}`, token })).status).to.equal(200);
    });
  }

  it('decides whether the caller may before whether the credential exists', async () => {
    const token = await coffer.issueKey({ role: 'VIEWER' });
    expect((await reveal('nonsense', token)).status).to.equal(403);
  });
});
