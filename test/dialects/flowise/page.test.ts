import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { parseObject, textOf } from '../../support/json.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

describe("what Flowise's page asks for", () => {
  let coffer: TestCoffer;
  let token: string;
  let call: (call: RestCall) => Promise<RestReply>;

  before(async () => {
    coffer = await startCoffer();
    token = await coffer.issueKey({ role: 'EDITOR' });
    call = restClient(coffer.origin);
  });
  after(() => coffer.stop());

  for (const prefix of ['', '/flowise']) {
    const kinds = `${prefix}/api/v1/components-credentials`;

    it(`answers several kinds as an array, in their order: ${kinds}`, async () => {
      for (const [names, expected] of [
        ['openAIApi&anthropicApi', ['openAIApi', 'anthropicApi']],
        ['anthropicApi%26openAIApi', ['anthropicApi', 'openAIApi']],
        ['openAIApi&', ['openAIApi']],
      ] as const) {
        const { status, body } = await call({ path: `${kinds}/${names}`, token });
        expect(status, names).to.equal(200);
        expect(Array.isArray(body) && body.map((kind) => Object(kind).name), names).to.deep.equal(expected);
      }
    });

    it(`answers one kind as an object: ${kinds}`, async () => {
      const { status, body } = await call({ path: `${kinds}/openAIApi`, token });
      expect(status).to.equal(200);
      expect(body).to.have.all.keys('label', 'name', 'version', 'inputs').and.include({ name: 'openAIApi' });
    });

    it(`knows no array with an unknown kind, nor one of very many: ${kinds}`, async () => {
      expect((await call({ path: `${kinds}/openAIApi&noSuchKind`, token })).status).to.equal(404);
      const many = Array.from({ length: 65 }, () => 'openAIApi').join('&');
      expect((await call({ path: `${kinds}/${many}`, token })).status).to.equal(400);
      expect((await call({ path: `${kinds}/openAIApi&anthropicApi` })).status).to.equal(401);
    });

    it(`shows an icon of any kind, a pong and the version to anybody: ${prefix}/api/v1`, async () => {
      const icon = await call({ path: `${prefix}/api/v1/components-credentials-icon/openAIApi` });
      expect([icon.status, icon.headers.get('content-type')]).to.deep.equal([200, 'image/svg+xml']);
      expect(icon.text).to.match(/^<svg [^]*<\/svg>$/);
      const { version } = parseObject(readFileSync(resolve(import.meta.dirname, '../../../package.json'), 'utf8'));
      for (const slash of ['', '/']) {
        const ping = await call({ path: `${prefix}/api/v1/ping${slash}` });
        expect([ping.status, ping.text]).to.deep.equal([200, 'pong']);
        expect((await call({ path: `${prefix}/api/v1/version${slash}` })).body).to.deep.equal({ version });
      }
      const posted = await call({ method: 'POST', path: `${prefix}/api/v1/ping` });
      expect([posted.status, posted.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    });
  }

  it('stores a kind without parameters, which all APIs show as an empty secret', async () => {
    for (const member of ['plainDataObj', 'credentialData']) {
      const body = { name: 'none', credentialName: 'noParametersApi', [member]: {} };
      const created = await call({ method: 'POST', path: '/flowise/api/v1/credentials', token, body });
      expect(created.status, created.text).to.equal(200);
      const id = textOf(Object(created.body), 'id');
      const path = `/flowise/api/v1/credentials/${id}`;
      expect((await call({ path, token })).body).to.have.deep.property('plainDataObj', {});
      expect((await call({ path: `${path}/reveal`, token })).body).to.deep.equal({ plainDataObj: {} });
      const renamed = await call({ method: 'PUT', path, token, body: { name: 'other', [member]: {} } });
      expect(renamed.status, renamed.text).to.equal(200);
      const revealed = await coffer.native('POST', `/v1/workspaces/default/credentials/${id}:reveal`, {});
      expect(revealed['secret']).to.deep.equal({});
      for (const other of [`/mielto/api/v1/credentials/${id}`, `/v5/credentials/${id}`]) {
        expect((await call({ path: other, token })).status, other).to.equal(200);
      }
      expect((await call({ method: 'POST', path: `/v5/credentials/${id}/secret`, token })).body).to.include({
        result: '{}',
      });
      const miniflow = `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials`;
      expect((await call({ path: miniflow, token })).status).to.equal(200);
      const filled = await call({ method: 'PUT', path, token, body: { [member]: { a: 'b' } } });
      expect(filled.status, filled.text).to.equal(200);
    }
  });

  it('still stores nothing without data, and no empty secret through any other API', async () => {
    const name = { name: 'none', credentialName: 'noParametersApi' };
    const marker = '_FLOWISE_BLANK_07167752-1a71-43b1-bf8f-4f32252165db';
    for (const body of [name, { ...name, plainDataObj: { key: marker } }]) {
      expect((await call({ method: 'POST', path: '/flowise/api/v1/credentials', token, body })).status).to.equal(412);
    }
    const native = { credential: { name: 'none' }, secret: {} };
    const path = '/v1/workspaces/default/credentials';
    expect((await call({ method: 'POST', path, token, body: native })).status).to.equal(400);
    const mielto = { label: 'x', auth_type: 'api_key', credential_scope: 'workspace', credentials: {} };
    const refused = await call({ method: 'POST', path: '/mielto/api/v1/credentials', token, body: mielto });
    expect(refused.status).to.equal(422);
  });
});
