import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { etagsFromText } from '../../../src/dialects/coffer/requests.ts';
import type { BoundRpc } from '../../../src/gateway/contract/bound-rpc.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { allBoundRpcs } from '../../support/bound-rpcs.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { textOf } from '../../support/json.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

/** The calls that change one credential. */
const mutations: readonly {
  readonly name: string;
  readonly method: string;
  readonly suffix: string;
  readonly body?: object;
  /** Whether it is about a deleted credential. */
  readonly ofDeleted?: boolean;
}[] = [
  { name: 'an update', method: 'PATCH', suffix: '', body: { name: 'two' } },
  { name: 'a deletion', method: 'DELETE', suffix: '' },
  { name: 'an activation', method: 'POST', suffix: ':activate' },
  { name: 'a deactivation', method: 'POST', suffix: ':deactivate' },
  { name: 'a restoration', method: 'POST', suffix: ':undelete', ofDeleted: true },
  { name: 'a purge', method: 'POST', suffix: ':purge', ofDeleted: true },
];

/** Whether an rpc changes the credential that it names; a copy changes only its destination. */
function changesOne({ method, access }: BoundRpc): boolean {
  if (access.kind !== 'workspace' || method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS)
    return false;
  const isNamed = method.input.fields.some(({ name }) => name === 'credential_id');
  return isNamed && method.name !== 'CopyCredential' && changingPermissions.has(access.permission);
}

const changingPermissions: ReadonlySet<string> = new Set(['credentials.write', 'credentials.purge']);

describe('the etags that a change is made to', () => {
  const read: readonly (readonly [text: string, etags: readonly string[] | undefined])[] = [
    ['', undefined],
    ['*', undefined],
    [' * ', undefined],
    ['7', ['7']],
    ['"7"', ['7']],
    [' "7" ', ['7']],
    ['"7", "8"', ['7', '8']],
    ['"7","8",', ['7', '8']],
    [',"7" , ,"8"', ['7', '8']],
    ['"a, b", "c"', ['a, b', 'c']],
    ['W/"7"', []],
    ['W/7', []],
    ['W/"7", "8"', ['8']],
  ];
  for (const [text, etags] of read) {
    it(`are ${JSON.stringify(etags ?? 'any')} for ${JSON.stringify(text)}`, () => {
      expect(etagsFromText(text)).to.deep.equal(etags);
    });
  }

  for (const text of [
    ' ',
    ',',
    '""',
    'W/""',
    '"7',
    '7"',
    '"7" "8"',
    '7 8',
    '*, "7"',
    '"7", *',
    `"${'x,'.repeat(50_000)}`,
  ]) {
    it(`are a mistake for ${JSON.stringify(text.slice(0, 20))}`, () => {
      expect(() => etagsFromText(text))
        .to.throw(VaultError)
        .with.property('code', 'invalid_argument');
    });
  }
});

describe('an etag in the headers of native REST', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let path: string;

  before(async () => {
    coffer = await startCoffer();
    const send = restClient(coffer.origin);
    call = (request) => send({ token: coffer.adminToken, ...request });
  });
  after(() => coffer.stop());
  beforeEach(async () => {
    ({ path } = await another());
  });

  function create(): Promise<RestReply> {
    const body = { credential: { name: 'one' }, secret: { api_key: 'sk-1' } };
    return call({ method: 'POST', path: '/v1/workspaces/default/credentials', body });
  }

  async function another(): Promise<{ readonly path: string }> {
    return { path: `/v1/workspaces/default/credentials/${textOf(Object((await create()).body), 'credential', 'id')}` };
  }

  function rename(ifMatch: string): Promise<RestReply> {
    return call({ method: 'PATCH', path, headers: { 'if-match': ifMatch }, body: { name: 'two' } });
  }

  it('may be one of a list of at most 8192 characters', async () => {
    const others = '"another", '.repeat(700);
    const deletion = (etag: string) => call({ method: 'DELETE', path, headers: { 'if-match': etag } });
    expect((await deletion(`"${'x'.repeat(8_191)}"`)).status).to.equal(400);
    const { headers } = await call({ path });
    expect((await deletion(`${others}${headers.get('etag')}`)).status).to.equal(200);
  });

  it('is on every answer that has one, in quotes', async () => {
    const changes: readonly RestCall[] = [
      { path },
      { method: 'PATCH', path, body: { name: 'two' } },
      { method: 'POST', path: `${path}:deactivate` },
      { method: 'POST', path: `${path}:activate` },
      { method: 'DELETE', path },
    ];
    for (const answer of [await create(), ...(await inTurn(changes))]) {
      const etag = textOf(Object(answer.body), 'credential', 'etag');
      expect(answer.headers.get('etag'), answer.text).to.equal(`"${etag}"`);
    }
  });

  async function inTurn(calls: readonly RestCall[]): Promise<RestReply[]> {
    const answers = [];
    for (const one of calls) answers.push(await call(one));
    return answers;
  }

  it('is on no other answer', async () => {
    for (const other of ['/v1/workspaces/default/credentials', '/v1/whoami', `${path}x`]) {
      expect((await call({ path: other })).headers.get('etag'), other).to.equal(null);
    }
    expect((await call({ method: 'POST', path: `${path}:reveal` })).headers.get('etag')).to.equal(null);
  });

  it('can be sent back as it came, single or in a list', async () => {
    const etag = (await call({ path })).headers.get('etag') ?? '';
    const changed = await rename(etag);
    expect(changed.status, changed.text).to.equal(200);
    const now = changed.headers.get('etag') ?? '';
    expect(now).not.to.equal(etag);
    expect((await call({ method: 'DELETE', path, headers: { 'if-match': `${etag}, ${now}` } })).status).to.equal(200);
  });

  it('fits any state where it is an asterisk', async () => {
    expect((await rename('*')).status).to.equal(200);
  });

  for (const ifMatch of ['"stale"', '"stale", "staler"', 'W/"1"', 'W/"1", W/"2"']) {
    it(`is stale where none of ${ifMatch} is the present one: ABORTED, 409`, async () => {
      const { status, body } = await rename(ifMatch);
      expect([status, Object(body).code]).to.deep.equal([409, 'aborted']);
      expect((await call({ path })).body).to.have.nested.property('credential.name', 'one');
    });
  }

  for (const ifMatch of ['', ' ', '""', ',', '"1', '*, "1"']) {
    it(`is a mistake, and never no condition, for ${JSON.stringify(ifMatch)}`, async () => {
      for (const method of ['PATCH', 'DELETE']) {
        const headers = { 'if-match': ifMatch };
        const refused = await call({ method, path, headers, ...(method === 'PATCH' && { body: { name: 'two' } }) });
        expect([refused.status, Object(refused.body).code], refused.text).to.deep.equal([400, 'invalid_argument']);
        expect(Object(refused.body).message).to.match(/if-match|etag/);
      }
      expect((await call({ path })).body).to.have.nested.property('credential.name', 'one');
    });
  }

  it('is a mistake, and never no condition, where the query has an empty one, with If-Match or without', async () => {
    for (const headers of [{}, { 'if-match': '"stale"' }, { 'if-match': '"1"' }]) {
      for (const method of ['PATCH', 'DELETE']) {
        const body = method === 'PATCH' && { body: { name: 'two' } };
        const refused = await call({ method, path: `${path}?etag=`, headers, ...body });
        expect([refused.status, Object(refused.body).code], refused.text).to.deep.equal([400, 'invalid_argument']);
      }
    }
    expect((await call({ path })).body).to.have.nested.property('credential.name', 'one');
  });

  for (const { name, method, suffix, body, ofDeleted = false } of mutations) {
    const present = async () => (await call({ path: `${path}?show_deleted=true` })).headers.get('etag') ?? '';
    const prepare = async () => {
      if (ofDeleted) await call({ method: 'DELETE', path });
    };

    it(`is stale for ${name} where another one is the present one, wherever it is sent`, async () => {
      await prepare();
      const current = (await present()).replaceAll('"', '');
      const ways: Partial<RestCall>[] = [{ headers: { 'if-match': '"0"' } }, { path: `${path}${suffix}?etag=0` }];
      if (method === 'POST') ways[1] = { body: { ...body, etag: '0' } };
      for (const way of ways) {
        const refused = await call({ method, path: path + suffix, ...(body && { body }), ...way });
        expect([refused.status, Object(refused.body).code], refused.text).to.deep.equal([409, 'aborted']);
        const { reason, metadata } = Object(refused.body).details[0].debug;
        expect({ reason, metadata }).to.deep.equal({ reason: 'ETAG_STALE', metadata: { etag: current } });
      }
      expect(await present()).to.equal(`"${current}"`);
    });

    it(`fits ${name} where it is the present one, or an asterisk`, async () => {
      for (const isAny of [false, true]) {
        await prepare();
        const headers = { 'if-match': isAny ? '*' : await present() };
        const changed = await call({ method, path: path + suffix, headers, ...(body && { body }) });
        expect(changed.status, changed.text).to.equal(200);
        ({ path } = await another());
      }
    });
  }

  it('is a field of every rpc that changes one credential', () => {
    const changing = allBoundRpcs().filter(({ dialect, rpc }) => dialect.name === 'coffer' && changesOne(rpc));
    expect(changing.length).to.be.at.least(4);
    for (const { rpc } of changing) {
      expect(
        rpc.method.input.fields.map(({ name }) => name),
        rpc.method.name,
      ).to.include('etag');
    }
  });

  it('of a request counts in place of the one in its credential, an asterisk as well', async () => {
    const update = (request: string, inside: string) =>
      call({ method: 'PATCH', path, headers: { 'if-match': request }, body: { name: 'two', etag: inside } });
    expect((await update('*', 'stale')).status).to.equal(200);
    expect((await update('2', 'stale')).status).to.equal(200);
    expect((await update('stale', '2')).status).to.equal(409);
    expect((await call({ method: 'PATCH', path, body: { name: 'three', etag: '1' } })).status).to.equal(409);
  });

  it('is sent twice where If-Match and the query have two', async () => {
    const headers = { 'if-match': '"stale"' };
    const refused = await call({ method: 'DELETE', path: `${path}?etag=1`, headers });
    expect([refused.status, Object(refused.body).message]).to.deep.equal([400, 'etag is sent twice']);
    expect((await call({ method: 'DELETE', path: `${path}?etag=1`, headers: { 'if-match': '1' } })).status).to.equal(
      200,
    );
  });
});
