import { expect } from 'chai';
import { gzipSync } from 'node:zlib';
import { openRaw } from '../../gateway/raw-connection.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { allRoutes, dialectOf, pathOf, type DocumentedRoute, sealsVault } from '../../support/routes.ts';

const routes = (await allRoutes()).filter(({ hasBody, method }) => hasBody && !sealsVault(method));

describe('the type and the coding of a body', () => {
  let coffer: TestCoffer;
  before(async () => (coffer = await startCoffer()));
  after(() => coffer.stop());

  const pathFor = (route: DocumentedRoute): string => pathOf(route, { workspace_id: coffer.defaultWorkspaceShortId });

  async function send(route: DocumentedRoute, headers: Readonly<Record<string, string>>, body: Buffer) {
    const response = await fetch(coffer.origin + pathFor(route), {
      method: route.httpMethod,
      headers: { authorization: `Bearer ${coffer.adminToken}`, ...headers },
      body,
    });
    const text = await response.text();
    // A stream answers with events.
    const isJson = /^application\/json\b/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: Object(isJson ? JSON.parse(text) : {}) };
  }

  for (const route of routes) {
    const title = `${route.httpMethod} /${dialectOf(route)}${route.template}`;

    it(`is none but identity: ${title}`, async () => {
      for (const coding of ['gzip', 'br', 'GZIP', 'identity, gzip', 'nonsense']) {
        const headers = { 'content-type': 'application/json', 'content-encoding': coding };
        const refused = await send(route, headers, gzipSync('{}'));
        expect(refused.status, coding).to.equal(415);
        expect(refused.headers.get('accept-encoding'), coding).to.equal('identity');
      }
      const headers = { 'content-type': 'application/json', 'content-encoding': 'Identity' };
      expect((await send(route, headers, Buffer.from('{}'))).status).not.to.equal(415);
    });

    if (dialectOf(route) !== 'coffer') continue;
    it(`is JSON or nothing in the native API: ${title}`, async () => {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'text', 'a b', '']) {
        const refused = await send(route, { 'content-type': type }, Buffer.from('{}'));
        expect([refused.status, refused.body.code], type).to.deep.equal([415, 'invalid_argument']);
        expect(refused.body.message, type).to.contain('application/json');
        expect(refused.headers.get('accept'), type).to.equal('application/json');
        expect(refused.body.details[0].debug.reason, type).to.equal('UNSUPPORTED_MEDIA_TYPE');
        const empty = await send(route, { 'content-type': type }, Buffer.alloc(0));
        expect(empty.status, `${type}, of an empty body`).not.to.equal(415);
      }
      for (const type of ['application/json; charset=utf-8', 'application/merge-patch+json', 'APPLICATION/JSON']) {
        expect((await send(route, { 'content-type': type }, Buffer.from('{}'))).status, type).not.to.equal(415);
      }
    });
  }

  for (const dialect of ['mielto', 'scale']) {
    it(`is answered by ${dialect} as its original does: 422`, async () => {
      for (const route of routes.filter((one) => dialectOf(one) === dialect)) {
        for (const type of ['text/plain', 'text', '']) {
          const { status, body } = await send(route, { 'content-type': type }, Buffer.from('{}'));
          expect([status, body.detail[0].type], type).to.deep.equal([422, 'model_attributes_type']);
        }
      }
    });
  }

  it('is looked at only once the caller may call', async () => {
    for (const route of routes.filter((one) => dialectOf(one) === 'coffer' && !/login|unseal/.test(one.template))) {
      const response = await fetch(coffer.origin + pathFor(route), {
        method: route.httpMethod,
        headers: { 'content-type': 'text', 'content-encoding': 'gzip' },
        body: '{}',
      });
      expect(response.status, route.template).to.equal(401);
    }
  });

  it('is refused before the body is asked for', async () => {
    const raw = await openRaw(Number(new URL(coffer.origin).port));
    const lines = ['POST /v1/workspaces HTTP/1.1', 'Host: a', `Authorization: Bearer ${coffer.adminToken}`];
    lines.push('Content-Type: text/plain', 'Content-Length: 2', 'Expect: 100-continue');
    raw.write(`${lines.join('\r\n')}\r\n\r\n`);
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 415 /);
  });

  it('may be compressed over Connect', async () => {
    const response = await fetch(`${coffer.origin}/coffer.v1.AccessService/WhoAmI`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${coffer.adminToken}`,
        'content-type': 'application/json',
        'content-encoding': 'gzip',
      },
      body: gzipSync('{}'),
    });
    expect(response.status).to.equal(200);
  });
});
