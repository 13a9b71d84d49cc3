import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { dialectNames } from '../../src/dialects/index.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { openRaw } from '../gateway/raw-connection.ts';
import { allServices, allRoutes, type DocumentedRoute } from '../support/routes.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';

const routes = await allRoutes();
const services = await allServices();
const systemPaths = ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs', '/docs/', '/docs/static/index.css'];
const ownPaths = [...systemPaths, ...dialectNames.map((name) => `/openapi/${name}.json`)];

describe('the methods of HTTP', () => {
  let coffer: TestCoffer;
  /** A credential for the variables of paths. */
  let credential: JsonObject;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    const created = await coffer.native('POST', '/v1/workspaces/default/credentials', {
      credential: { name: 'one', provider: 'openai', auth_type: 'api_key' },
      secret: { api_key: 'sk-1' },
    });
    credential = { ...Object(created['credential']) };
  });
  after(() => coffer.stop());

  function pathOf({ method, template }: DocumentedRoute, isMounted: boolean): string {
    const dialect = method.parent.typeName.split('.')[0] ?? '';
    const isMiniflow = dialect === 'miniflow';
    const values: Readonly<Record<string, string>> = {
      workspace_id: isMiniflow ? coffer.defaultWorkspaceShortId : coffer.defaultWorkspaceId,
      credential_id: textOf(credential, isMiniflow ? 'short_id' : 'id'),
      name: 'one',
    };
    const path = template.replaceAll(
      /\{(\w+)(?:=[^}]*)?\}/g,
      (_all, name: string) => values[name] ?? textOf(credential, 'id'),
    );
    return isMounted ? `/${dialect}${path}` : path;
  }

  async function ask(method: string, path: string, token: string | undefined) {
    const headers = { 'x-request-id': 'the-same', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const response = await fetch(coffer.origin + path, { method, headers, redirect: 'manual' });
    const text = await response.text();
    // The client keeps no connection after HEAD.
    const {
      date: _date,
      connection: _connection,
      'keep-alive': _keepAlive,
      ...others
    } = Object.fromEntries(response.headers);
    return { status: response.status, headers: others, text };
  }

  /** What is shown may change meanwhile, such as when a key was last used: then the answer to GET that follows counts. */
  async function expectHead(path: string, token: string | undefined): Promise<void> {
    const [get, head, later] = [
      await ask('GET', path, token),
      await ask('HEAD', path, token),
      await ask('GET', path, token),
    ];
    expect(head.text, path).to.equal('');
    const lengths = [get, later].map(({ text }) => String(Buffer.byteLength(text)));
    expect(lengths, path).to.include(head.headers['content-length']);
    expect(withoutLength(head), path).to.deep.equal(withoutLength(get));
  }

  function withoutLength({ status, headers }: Awaited<ReturnType<typeof ask>>) {
    return { status, ...headers, 'content-length': undefined };
  }

  for (const isMounted of [false, true]) {
    it(`HEAD is answered as GET, but for the body, on every route${isMounted ? ' below a mount prefix' : ''}`, async () => {
      const gets = routes.filter(({ httpMethod, method }) => httpMethod === 'GET' && method.methodKind === 'unary');
      expect(gets.length).to.be.greaterThan(15);
      for (const route of gets) {
        for (const token of isMounted ? [undefined] : [coffer.adminToken, undefined])
          await expectHead(pathOf(route, isMounted), token);
      }
    });
  }

  it('HEAD is answered with the headers of a stream that GET begins, and ends', async () => {
    const path = '/v1/workspaces/default/credentials:watch';
    const { status, headers, text } = await ask('HEAD', path, coffer.adminToken);
    expect({ status, text }).to.deep.equal({ status: 200, text: '' });
    expect(headers).to.include({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
    expect((await ask('HEAD', path, undefined)).status).to.equal(401);
  });

  it('HEAD is answered so on the paths of documents, probes and metrics', async () => {
    for (const path of ownPaths.filter((name) => name !== '/metrics')) await expectHead(path, undefined);
    const { status, headers, text } = await ask('HEAD', '/metrics', undefined);
    expect([status, text]).to.deep.equal([200, '']);
    expect(headers['content-type']).to.match(/^text\/plain/);
    expect(Number(headers['content-length'])).to.be.greaterThan(1_000);
  });

  it('HEAD is answered so where Connect takes GET', async () => {
    const query = `encoding=json&connect=v1&message=${encodeURIComponent('{}')}`;
    await expectHead(`/coffer.v1.AccessService/WhoAmI?${query}`, coffer.adminToken);
    await expectHead(`/coffer.v1.AccessService/WhoAmI?${query}`, undefined);
  });

  it('HEAD has no body on the wire, over either HTTP', async () => {
    const raw = await openRaw(Number(new URL(coffer.origin).port));
    raw.write('HEAD /v1/whoami HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(await raw.closed()).to.match(/^HTTP\/1\.1 401 [^]*\r\n\r\n$/);
    const session = connect(coffer.origin);
    for (const path of ['/v1/whoami', '/openapi.json', '/healthz']) {
      const stream = session.request({
        ':method': 'HEAD',
        ':path': path,
        authorization: `Bearer ${coffer.adminToken}`,
      });
      let bytes = 0;
      stream.on('data', (piece: Buffer) => (bytes += piece.length));
      const [headers] = await once(stream, 'response');
      await once(stream, 'close');
      expect([headers[':status'], bytes], path).to.deep.equal([200, 0]);
      expect(Number(headers['content-length']), path).to.be.greaterThan(10);
    }
    session.destroy();
  });

  it('HEAD reveals nothing in silence: what GET leaves in the trail, HEAD leaves as well', async () => {
    const id = textOf(credential, 'id');
    const miniflow = `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials/${textOf(credential, 'short_id')}`;
    for (const path of [`/flowise/api/v1/credentials/${id}/reveal`, `${miniflow}?include_secret=true`]) {
      const before = await countReveals();
      await ask('GET', path, coffer.adminToken);
      expect((await countReveals()) - before, path).to.equal(1);
      await ask('HEAD', path, coffer.adminToken);
      expect((await countReveals()) - before, path).to.equal(2);
    }
    const token = await coffer.issueKey({ role: 'EDITOR', withoutReveal: true });
    expect((await ask('HEAD', `${miniflow}?include_secret=true`, token)).status).to.equal(403);
  });

  async function countReveals(): Promise<number> {
    const { audit_events: events } = await coffer.native('GET', '/v1/workspaces/default/auditEvents?page_size=1000');
    if (!Array.isArray(events)) throw new Error('there are no events');
    return events.filter((event) => Object(event).action === 'secrets.reveal' && Object(event).outcome === 'OK').length;
  }

  it('OPTIONS without an origin names the methods of every route', async () => {
    for (const isMounted of [false, true]) {
      for (const route of routes) {
        const path = pathOf(route, isMounted);
        const { status, headers, text } = await ask('OPTIONS', path, undefined);
        expect([status, text], path).to.deep.equal([204, '']);
        const allowed = headers['allow']?.split(', ') ?? [];
        expect(allowed, path).to.include(route.httpMethod).and.to.include('OPTIONS');
        expect(allowed.includes('HEAD'), path).to.equal(allowed.includes('GET'));
      }
    }
  });

  it('OPTIONS names those of rpcs, of the server’s own paths and of the server as a whole', async () => {
    for (const { methods, typeName } of services) {
      for (const { idempotency, methodKind, name } of methods) {
        const mayGet = methodKind === 'unary' && idempotency === IdempotencyLevel.NO_SIDE_EFFECTS;
        const { status, headers } = await ask('OPTIONS', `/${typeName}/${name}`, undefined);
        const expected = mayGet ? 'GET, HEAD, POST, OPTIONS' : 'POST, OPTIONS';
        expect([status, headers['allow']], name).to.deep.equal([204, expected]);
      }
    }
    for (const path of ownPaths) {
      const { status, headers } = await ask('OPTIONS', path, undefined);
      expect([status, headers['allow']], path).to.deep.equal([204, 'GET, HEAD, OPTIONS']);
    }
    const raw = await openRaw(Number(new URL(coffer.origin).port));
    raw.write('OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(await raw.closed())
      .to.match(/^HTTP\/1\.1 204 /)
      .and.contain('allow: DELETE, GET, HEAD, PATCH, POST, PUT, OPTIONS');
  });

  it('OPTIONS knows no path that is none', async () => {
    for (const path of ['/nowhere', '/v1/nowhere', '/v5/nowhere', '/coffer.v1.Nope/Nope']) {
      expect((await ask('OPTIONS', path, undefined)).status, path).to.equal(404);
    }
  });

  it('OPTIONS answers the same where pages of other origins may call', async () => {
    const page = 'https://page.example';
    const open = await startCoffer({ environment: { COFFER_CORS_ORIGINS: page } });
    try {
      const path = `${open.origin}/v1/whoami`;
      const asked = await fetch(path, { method: 'OPTIONS' });
      expect([asked.status, asked.headers.get('allow')]).to.deep.equal([204, 'GET, HEAD, OPTIONS']);
      expect((await fetch(`${open.origin}/nowhere`, { method: 'OPTIONS' })).status).to.equal(404);
    } finally {
      await open.stop();
    }
  });

  it('that the server’s own paths do not have are refused, naming those that they have', async () => {
    for (const path of ownPaths) {
      for (const method of ['POST', 'DELETE', 'PATCH']) {
        const { status, headers, text } = await ask(method, path, coffer.adminToken);
        expect([status, headers['allow'], Object(JSON.parse(text)).code], `${method} ${path}`).to.deep.equal([
          405,
          'GET, HEAD',
          'unimplemented',
        ]);
      }
    }
  });
});
