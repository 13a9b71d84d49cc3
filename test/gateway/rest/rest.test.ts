import { expect } from 'chai';
import type { ChooseDialect } from '../../../src/gateway/routes/route-table.ts';
import { openRaw } from '../raw-connection.ts';
import type { JsonValue } from '../../../src/vault/json.ts';
import {
  createLibrary,
  otherWorkspaceId,
  secretText,
  startGateway,
  workspaceId,
  type RunningGateway,
} from '../library.ts';

const json = { 'content-type': 'application/json' };
const editor = { authorization: 'Bearer editor', ...json };
const viewer = { authorization: 'Bearer viewer', ...json };
const books = `/v1/shelves/${workspaceId}/books`;

async function call(running: RunningGateway, path: string, init: RequestInit = {}) {
  const response = await fetch(running.origin + path, init);
  const text = await response.text();
  const body: unknown = JSON.parse(text);
  return { status: response.status, headers: response.headers, text, body: Object(body) };
}

function post(body: JsonValue, headers: Record<string, string> = editor): RequestInit {
  return { method: 'POST', headers, body: JSON.stringify(body) };
}

describe('REST', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway()));
  after(() => running[Symbol.asyncDispose]());
  beforeEach(() => running.library.calls.splice(0));

  it('answers in the style of the dialect, with its status', async () => {
    const { status, body, headers } = await call(running, books, post({ title: 'T', text: 'x', copies: 5 }));
    expect(status).to.equal(201);
    expect(body).to.deep.include({ id: 'B1', shelf: workspaceId, title: 'T', copies: '5', genre: 'GENRE_UNSPECIFIED' });
    expect(headers.get('content-type')).to.match(/^application\/json/);
  });

  it('answers with and without a slash at the end, and below the mount prefix', async () => {
    for (const path of ['/v1/status', '/v1/status/', '/library/v1/status', '/library/v1/status/']) {
      expect((await call(running, path)).status, path).to.equal(200);
    }
  });

  it('answers with one field where the annotation requires it', async () => {
    const { body } = await call(running, books, { headers: editor });
    expect(body).to.be.an('array').of.length(2);
  });

  it('keeps answers out of caches, and from being taken for another type', async () => {
    for (const path of ['/v1/status', '/nowhere', books]) {
      const { headers } = await call(running, path);
      expect(headers.get('cache-control'), path).to.equal('no-store');
      expect(headers.get('x-content-type-options'), path).to.equal('nosniff');
    }
  });

  it('sends the headers of the rpc', async () => {
    const { headers } = await call(running, `${books}/1:lend`, { method: 'POST', headers: editor });
    expect(headers.get('x-lent')).to.equal('yes');
  });

  it('passes what it knows of the call to the handler', async () => {
    await call(running, books, { headers: { ...editor, 'x-request-id': 'R-1' } });
    const { call: seen } = running.library.calls[0] ?? {};
    expect(seen).to.deep.include({
      workspaceId,
      protocol: 'rest',
      dialect: 'library',
      peer: '127.0.0.1',
      requestId: 'R-1',
    });
  });

  it('echoes the request id, or makes one', async () => {
    const given = await call(running, '/v1/status', { headers: { 'x-correlation-id': 'C-1' } });
    expect(given.headers.get('x-request-id')).to.equal('C-1');
    const made = await call(running, '/v1/status');
    expect(made.headers.get('x-request-id')).to.match(/^[0-9a-f-]{36}$/);
  });

  it('accepts an empty body of type JSON wherever no member is required', async () => {
    for (const [method, path] of [
      ['POST', `${books}/1:lend`],
      ['POST', `${books}:lendAll`],
      ['PATCH', `${books}/1`],
    ] as const) {
      expect((await call(running, path, { method, headers: editor })).status, path).to.equal(200);
    }
  });

  it('ignores the body of an rpc that takes none', async () => {
    const { status } = await call(running, `${books}/1:lend`, { method: 'POST', headers: editor, body: 'no { json' });
    expect(status).to.equal(200);
  });

  it('takes null for no body', async () => {
    expect((await call(running, `${books}:lendAll`, post(null))).status).to.equal(200);
    expect((await call(running, books, post(null))).body).to.have.property('kind', 'body_missing');
  });

  const refusedBodies: [title: string, init: RequestInit, problem: object][] = [
    ['no body where a member is required', { method: 'POST', headers: editor }, { kind: 'body_missing' }],
    ['an array', post([]), { kind: 'body_not_object', contentType: 'application/json' }],
    [
      'another content type',
      post({}, { ...editor, 'content-type': 'text/plain' }),
      { kind: 'body_not_object', contentType: 'text/plain' },
    ],
    [
      'a form',
      post({}, { ...editor, 'content-type': 'application/x-www-form-urlencoded' }),
      { kind: 'body_not_object' },
    ],
    [
      'what is not JSON',
      { method: 'POST', headers: editor, body: `{"text": ${secretText}}` },
      { kind: 'malformed_json', offset: 9, reason: 'Expecting value' },
    ],
    [
      'what is not UTF-8',
      { method: 'POST', headers: editor, body: new Uint8Array([0x22, 0xff, 0x22]) },
      { kind: 'malformed_json' },
    ],
    [
      'compressed bytes',
      { method: 'POST', headers: { ...editor, 'content-encoding': 'gzip' }, body: new Uint8Array([0x1f, 0x8b, 8]) },
      { kind: 'body_not_object', contentEncoding: 'gzip' },
    ],
  ];
  for (const [title, init, problem] of refusedBodies) {
    it(`refuses ${title}, without repeating it`, async () => {
      const { status, body, text } = await call(running, books, init);
      expect(status).to.equal(422);
      expect(body).to.include(problem);
      expect(text).not.to.contain(secretText);
      expect(running.library.calls).to.deep.equal([]);
    });
  }

  for (const contentType of ['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/merge-patch+json']) {
    it(`reads a body of type ${contentType}`, async () => {
      const { status } = await call(
        running,
        books,
        post({ title: 'T', text: 'x' }, { ...editor, 'content-type': contentType }),
      );
      expect(status).to.equal(201);
    });
  }

  it('reports all faults at once', async () => {
    const { status, body } = await call(running, books, post({ text: secretText, pages: -1 }));
    expect(status).to.equal(422);
    expect(body.faults.map(({ rule }: { rule: string }) => rule)).to.deep.equal(['missing', 'too_small']);
    expect(JSON.stringify(body)).not.to.contain(secretText);
  });

  it('decides who may call before it looks at the body', async () => {
    const bad = { method: 'POST', body: '{' };
    const refused: [headers: Record<string, string>, path: string, status: number][] = [
      [json, books, 401],
      [{ ...json, authorization: 'Bearer nobody' }, books, 401],
      [viewer, books, 403],
      [editor, `/v1/shelves/${otherWorkspaceId}/books`, 403],
      [editor, '/v1/shelves/nonsense/books', 403],
    ];
    for (const [headers, path, status] of refused) {
      expect((await call(running, path, { ...bad, headers })).status, JSON.stringify(headers)).to.equal(status);
    }
  });

  it('finds the workspace by the path, then by the header, then by the default', async () => {
    const byName = '/v1/books/name/x';
    const header = { ...editor, 'x-shelf': otherWorkspaceId };
    expect((await call(running, byName, { headers: header })).status).to.equal(403);
    expect((await call(running, books, { headers: header })).status).to.equal(200);
    expect((await call(running, byName, { headers: editor })).status).to.equal(200);
  });

  it('does not let the query or the body name another workspace than was decided on', async () => {
    const { status } = await call(running, `/v1/books/name/x?shelf=${otherWorkspaceId}`, { headers: editor });
    expect(status).to.equal(403);
    expect(running.library.calls).to.deep.equal([]);
  });

  it('answers public calls with any token', async () => {
    expect((await call(running, '/v1/status')).body).to.include({ open: true, caller: '', local: true });
    expect((await call(running, '/v1/status', { headers: { authorization: 'Bearer nobody' } })).body).to.include({
      caller: '',
    });
    expect((await call(running, '/v1/status', { headers: editor })).body).to.include({ caller: 'editor' });
  });

  it('does not take a forwarded request for a local one', async () => {
    const { body } = await call(running, '/v1/status', { headers: { 'x-forwarded-for': '127.0.0.1' } });
    expect(body.local).to.equal(false);
  });

  it('renders what the core refuses', async () => {
    const { status, body } = await call(running, `${books}/none`, { headers: editor });
    expect([status, body.code, body.method]).to.deep.equal([404, 'not_found', 'GetBook']);
  });

  it('shows nothing of an unexpected error, and logs it once without its message', async () => {
    const logged = running.nextLine((line) => line['level'] === 50);
    const init = post({ title: 'boom', text: secretText }, { ...editor, 'x-request-id': 'R-2' });
    const { status, text } = await call(running, books, init);
    expect(status).to.equal(500);
    expect(text).not.to.contain(secretText);
    expect(text).not.to.contain('bug');
    const line = await logged;
    expect(line).to.deep.include({ requestId: 'R-2', msg: 'internal error' });
    expect(line).to.have.nested.property('error.name', 'Error');
    expect(JSON.stringify(line)).not.to.contain(secretText);
    expect(JSON.stringify(line)).to.contain('library.ts');
  });

  it('reports an unknown path and a wrong method in the format of the dialect that the path belongs to', async () => {
    const wrong = await call(running, books, { method: 'DELETE', headers: editor });
    expect([wrong.status, wrong.headers.get('allow'), wrong.body.kind]).to.deep.equal([
      405,
      'GET, HEAD, POST',
      'method_not_allowed',
    ]);
    expect((await call(running, '/v1/nope')).body).to.include({ kind: 'route_not_found' });
    expect((await call(running, '/library/nope')).body).to.include({ kind: 'route_not_found' });
  });

  it('reports an unknown path that belongs to no dialect in plain words', async () => {
    const { status, body } = await call(running, '/elsewhere');
    expect([status, body]).to.deep.equal([404, { code: 'not_found', message: 'no such path' }]);
  });

  for (const method of ['TRACE', 'PROPFIND']) {
    it(`does not serve ${method}`, async () => {
      // By hand, since fetch refuses to send some of these.
      const raw = await openRaw(running.port);
      raw.write(`${method} ${books} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      expect(await raw.closed()).to.match(/^HTTP\/1\.1 40[045]/);
    });
  }

  for (const path of ['/v1/%', '/v1/shelves/%zz/books', '/v1/books/name/%ff', '/%c0%ae']) {
    it(`answers 400 to the badly encoded ${path}`, async () => {
      const raw = await openRaw(running.port);
      raw.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      const answer = await raw.closed();
      expect(answer).to.match(/^HTTP\/1\.1 400/);
      expect(answer.toLowerCase()).to.contain('x-request-id').and.to.contain('nosniff');
    });
  }

  it('lets a name hold slashes and spaces, encoded or not', async () => {
    for (const path of ['a/b%20c', 'a%2Fb%20c', 'a%2Fb+c']) {
      await call(running, `/v1/books/name/${path}/text`, { method: 'POST', headers: editor });
    }
    const names = running.library.calls.map(({ request }) => Object(request).name);
    expect(names).to.deep.equal(['a/b c', 'a/b c', 'a/b+c']);
  });
});

describe('a path that dialects share', () => {
  const seen: Parameters<ChooseDialect>[1][] = [];
  const chooseDialect: ChooseDialect = (_names, request) => {
    seen.push(request);
    return request.headers.get('x-choice') ?? undefined;
  };
  let running: RunningGateway;
  before(async () => {
    const one = createLibrary({}, 'one');
    const two = createLibrary({ successStatus: { CreateBook: 202 } }, 'two');
    running = await startGateway({
      dialects: [one.dialect, { ...two.dialect, rpcs: two.dialect.rpcs.slice(0, 2) }],
      chooseDialect,
    });
  });
  after(() => running[Symbol.asyncDispose]());
  beforeEach(() => seen.splice(0));

  const body = { title: 'T', text: 'x' };

  it('is answered by the one that is chosen', async () => {
    expect((await call(running, books, post(body, { ...editor, 'x-choice': 'two' }))).status).to.equal(202);
    expect((await call(running, books, post(body, { ...editor, 'x-choice': 'one' }))).status).to.equal(201);
  });

  it('is answered by the first where none is chosen', async () => {
    expect((await call(running, books, post(body, { ...editor, 'x-choice': 'three' }))).status).to.equal(201);
    expect((await call(running, books, post(body))).status).to.equal(201);
  });

  it('needs no choice below a mount prefix, or where only one dialect has the method', async () => {
    expect((await call(running, `/two${books}`, post(body))).status).to.equal(202);
    expect((await call(running, books, { headers: editor })).status).to.equal(200);
    expect(seen).to.deep.equal([]);
  });

  it('shows the body to the choice for an authenticated caller', async () => {
    await call(running, `${books}?a=1`, post(body));
    expect(seen[0]?.body).to.deep.equal(body);
    expect(seen[0]?.caller?.name).to.equal('editor');
    expect([seen[0]?.path, seen[0]?.query.get('a')]).to.deep.equal([books, '1']);
  });

  it('shows no body of a stranger', async () => {
    expect((await call(running, books, post(body, json))).status).to.equal(401);
    expect((await call(running, books, post(body, { ...json, authorization: 'Bearer nobody' }))).status).to.equal(401);
    expect(seen.map((request) => request.body)).to.deep.equal([undefined, undefined]);
    expect(seen.map(({ caller }) => caller)).to.deep.equal([undefined, undefined]);
  });

  it('refuses a body that is not JSON in the way of the one that is chosen', async () => {
    const init = { method: 'POST', headers: { ...editor, 'x-choice': 'two' }, body: '{' };
    expect((await call(running, books, init)).body).to.include({ kind: 'malformed_json' });
    expect(seen[0]?.body).to.equal(undefined);
  });

  it('is refused by the one that is chosen, also where nothing is there', async () => {
    await call(running, '/v1/shelves', { headers: { 'x-choice': 'two' } });
    expect(seen).to.have.length(1);
  });
});
