import { Code } from '@connectrpc/connect';
import { expect } from 'chai';
import { Client } from 'pg';
import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { SecretService } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { textOf } from '../../support/json.ts';
import { protocolClient, protocols, type ProtocolAnswer } from './every-protocol.ts';
import { createCredential, nativeClient, type NativeClient } from './native-client.ts';

const credentials = '/v1/workspaces/default/credentials';
const absentId = '018cc251-f400-7000-8000-00000000dead';

interface Result {
  readonly credential?: { readonly id: string; readonly name: string };
  readonly credential_id?: string;
  readonly version?: number;
  readonly secret?: object;
  readonly value?: unknown;
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly reason: string;
    readonly metadata?: object;
  };
}

function resultsOf({ body, ...refusal }: ProtocolAnswer): readonly Result[] {
  const results: unknown = Object(body).results;
  if (!Array.isArray(results)) throw new Error(`no results: ${JSON.stringify(refusal)}`);
  return results;
}

const codesOf = (results: readonly Result[]) => results.map(({ error }) => error?.code);

const item = (name: string, secret: object = { key: name }) => ({ credential: { name, provider: 'p' }, secret });

const ask = (ids: readonly string[]) => ({ requests: ids.map((id) => ({ credential_id: id })) });

describe('batches', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let superuser: Client;

  before(async () => {
    coffer = await startCoffer();
    call = nativeClient(coffer.origin, coffer.adminToken);
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
  });

  after(async () => {
    await superuser.end();
    await coffer.stop();
  });

  async function batch(
    verb: 'batchCreate' | 'batchGet' | 'batchReveal',
    body: object,
    { token = coffer.adminToken, protocol = 'REST', origin = coffer.origin } = {},
  ): Promise<ProtocolAnswer> {
    const method = {
      batchCreate: CredentialService.method.batchCreateCredentials,
      batchGet: CredentialService.method.batchGetCredentials,
      batchReveal: SecretService.method.batchRevealSecrets,
    }[verb];
    const request = { workspace_id: 'default', ...body };
    return protocolClient(protocol, origin, token)(
      method,
      `${credentials}:${verb}`,
      protocol === 'REST' ? body : request,
    );
  }

  async function createMany(items: readonly object[]): Promise<readonly string[]> {
    const results = resultsOf(await batch('batchCreate', { requests: items, atomic: true }));
    return results.map(({ credential }) => credential?.id ?? '');
  }

  /** The events of an action since the last look, and the transactions that wrote them. */
  async function eventsOf(action: string, ids: readonly string[]) {
    const { rows } = await superuser.query<{
      resource_id: string;
      xmin: string;
      outcome: string;
      purpose: string | null;
    }>(
      `select resource_id, xmin::text, outcome, purpose from audit_event
       where action = $1 and resource_id = any ($2) order by seq`,
      [action, ids],
    );
    return rows;
  }

  for (const protocol of protocols) {
    it(`create, show and reveal in the order of the request over ${protocol}`, async () => {
      const names = ['one', 'two', 'three'];
      const created = resultsOf(
        await batch('batchCreate', { requests: names.map((name) => item(name)) }, { protocol }),
      );
      expect(created.map(({ credential }) => credential?.name)).to.deep.equal(names);
      const ids = created.map(({ credential }) => credential?.id ?? '');
      const asked = [ids[2], absentId, ids[0], ids[2], 'nothing'].map(String);
      const shown = resultsOf(await batch('batchGet', { credential_ids: asked }, { protocol }));
      expect(shown.map((it) => it.credential?.name)).to.deep.equal(['three', undefined, 'one', 'three', undefined]);
      const revealed = resultsOf(await batch('batchReveal', { ...ask(asked), purpose: 'deploy' }, { protocol }));
      expect(revealed.map(({ secret }) => secret)).to.deep.equal([
        { key: 'three' },
        undefined,
        { key: 'one' },
        { key: 'three' },
        undefined,
      ]);
      for (const results of [shown, revealed]) {
        expect(codesOf(results)).to.deep.equal([undefined, 'not_found', undefined, undefined, 'not_found']);
        expect(results[1]?.error).to.deep.equal({
          code: 'not_found',
          message: 'credential not found',
          reason: 'NOT_FOUND',
          metadata: { resource: 'credential', id: absentId },
        });
      }
      const events = await eventsOf('secrets.reveal', ids);
      expect(events.map(({ resource_id: id }) => id)).to.deep.equal([ids[2], ids[0], ids[2]]);
      expect(events.map(({ purpose }) => purpose)).to.deep.equal(['deploy', 'deploy', 'deploy']);
      expect(new Set(events.map(({ xmin }) => xmin)).size).to.equal(1);
    });

    it(`refuse an empty batch and one of 1,001 items over ${protocol}`, async () => {
      for (const [verb, field, one] of [
        ['batchCreate', 'requests', item('n')],
        ['batchGet', 'credential_ids', absentId],
        ['batchReveal', 'requests', { credential_id: absentId }],
      ] as const) {
        for (const count of [0, 1_001]) {
          const { code } = await batch(verb, { [field]: Array.from({ length: count }, () => one) }, { protocol });
          expect(code, `${verb} of ${count}`).to.equal(Code.InvalidArgument);
        }
      }
    });

    it(`create the valid items and answer the errors of the others over ${protocol}`, async () => {
      const requests = [
        item('good'),
        { secret: { key: 'v' } },
        { credential: { name: 'no secret' } },
        item('', { key: 'v' }),
        item('n'.repeat(256)),
        item('empty', {}),
        item('large', { key: 'k'.repeat(65_536) }),
        item('also good'),
      ];
      const results = resultsOf(await batch('batchCreate', { requests }, { protocol }));
      const invalid = Array<string>(6).fill('invalid_argument');
      expect(codesOf(results)).to.deep.equal([undefined, ...invalid, undefined]);
      const refused = await batch('batchCreate', { requests, atomic: true }, { protocol });
      expect(refused.code).to.equal(Code.InvalidArgument);
      expect(refused.message).to.match(/^requests\[1\]: /);
    });
  }

  it('create 1,000 credentials in one transaction, each with its event and secret', async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `n${index}`);
    const ids = await createMany(names.map((name) => item(name)));
    const events = await eventsOf('credentials.create', ids);
    expect(events.map(({ resource_id: id }) => id)).to.deep.equal(ids);
    expect(new Set(events.map(({ xmin }) => xmin)).size).to.equal(1);
    const revealed = resultsOf(await batch('batchReveal', ask(ids)));
    expect(revealed.map(({ secret }) => Object(secret).key)).to.deep.equal(names);
    const shown = resultsOf(await batch('batchGet', { credential_ids: ids }));
    expect(shown.map(({ credential }) => credential?.name)).to.deep.equal(names);
  });

  it('create nothing if they are atomic and one item fails', async () => {
    const scoped = await coffer.issueKey({ role: 'EDITOR', providers: ['p'] });
    const before = (await superuser.query('select 1 from credential')).rows;
    const requests = [item('in'), { ...item('out'), credential: { name: 'out', provider: 'q' } }, item('in')];
    const refused = await batch('batchCreate', { requests, atomic: true }, { token: scoped });
    expect(refused).to.deep.include({ code: Code.PermissionDenied, reason: 'KEY_NARROWED' });
    expect(refused.message).to.match(/^requests\[1\]: /);
    expect((await superuser.query('select 1 from credential')).rows).to.have.length(before.length);
    const results = resultsOf(await batch('batchCreate', { requests }, { token: scoped }));
    expect(codesOf(results)).to.deep.equal([undefined, 'permission_denied', undefined]);
  });

  it('answer a credential outside of the scope of the key as one that does not exist', async () => {
    const scoped = await coffer.issueKey({ role: 'RUNTIME', providers: ['mine'] });
    const mine = await createCredential(call, { name: 'mine', provider: 'mine' });
    const other = await createCredential(call, { name: 'other', provider: 'other' });
    for (const [verb, body] of [
      ['batchGet', { credential_ids: [other, mine, absentId] }],
      ['batchReveal', ask([other, mine, absentId])],
    ] as const) {
      const results = resultsOf(await batch(verb, body, { token: scoped }));
      expect(codesOf(results)).to.deep.equal(['not_found', undefined, 'not_found']);
      const [first, , last] = results.map(({ error }) => error);
      expect({ ...first, metadata: null }).to.deep.equal({ ...last, metadata: null });
    }
    expect(await eventsOf('secrets.reveal', [other])).to.have.length(0);
  });

  it('reveal a field of a secret, and refuse a field that it does not have', async () => {
    const [id = ''] = await createMany([item('fields', { key: 'k', list: [1, null], none: null })]);
    const fields = ['key', 'list', 'none', 'absent', '__proto__', ''];
    const requests = fields.map((field) => ({ credential_id: id, field }));
    const results = resultsOf(await batch('batchReveal', { requests }));
    expect(results.map((it) => (it.error ? it.error.reason : it.secret ? 'whole' : it.value))).to.deep.equal([
      'k',
      [1, null],
      null,
      'FIELD_NOT_FOUND',
      'FIELD_NOT_FOUND',
      'whole',
    ]);
    expect(codesOf(results)[3]).to.equal('invalid_argument');
  });

  it('reveal by name, provider and subject as ResolveSecret does, item by item', async () => {
    const [first = '', second = ''] = await createMany([
      { credential: { name: 'by name', provider: 'p', subject: 's1' }, secret: { key: 'one' } },
      { credential: { name: 'by name', provider: 'p', subject: 's2' }, secret: { key: 'two' } },
    ]);
    const requests = [
      { name: 'by name', subject: 's2' },
      { subject: 's1', provider: 'p', field: 'key' },
      { name: 'by name' },
      { name: 'by name', provider: 'q' },
      { credential_id: first, name: 'by name' },
      { provider: 'p' },
      {},
      { name: 'n'.repeat(256) },
    ];
    for (const protocol of protocols) {
      const results = resultsOf(await batch('batchReveal', { requests }, { protocol }));
      expect(results[0]).to.deep.equal({ credential_id: second, version: 1, secret: { key: 'two' } });
      expect(results[1]).to.deep.equal({ credential_id: first, version: 1, value: 'one' });
      expect(results[2]?.error).to.deep.include({ code: 'failed_precondition', reason: 'AMBIGUOUS_NAME' });
      const invalid = Array<string>(4).fill('invalid_argument');
      expect(codesOf(results).slice(3)).to.deep.equal(['not_found', ...invalid]);
    }
  });

  it('reveal versions by their numbers, several of one credential as well', async () => {
    const [id = ''] = await createMany([item('versions', { key: 'one' })]);
    await call({ method: 'POST', path: `${credentials}/${id}/versions`, body: { secret: { key: 'two' } } });
    const requests = [
      { credential_id: id, version: 1 },
      { credential_id: id },
      { name: 'versions', version: 1, field: 'key' },
      { credential_id: id, version: 2 },
      { credential_id: id, version: 7 },
      { credential_id: id, version: -1 },
    ];
    for (const protocol of protocols) {
      const results = resultsOf(await batch('batchReveal', { requests }, { protocol }));
      expect(results.slice(0, 4)).to.deep.equal([
        { credential_id: id, version: 1, secret: { key: 'one' } },
        { credential_id: id, version: 2, secret: { key: 'two' } },
        { credential_id: id, version: 1, value: 'one' },
        { credential_id: id, version: 2, secret: { key: 'two' } },
      ]);
      expect(codesOf(results.slice(4))).to.deep.equal(['failed_precondition', 'invalid_argument']);
      expect(results[4]?.error?.reason).to.equal('VERSION_NOT_FOUND');
    }
  });

  it('refuse what is outside of the scope of a key alike by name, absent or not, and record each refusal', async () => {
    const token = await coffer.issueKey({ role: 'RUNTIME', providers: ['within'] });
    await createMany([
      { credential: { name: 'seen', provider: 'within' }, secret: { key: 'v' } },
      { credential: { name: 'hidden', provider: 'beyond' }, secret: { key: 'v' } },
    ]);
    const requests = ['seen', 'hidden', 'absent'].map((name) => ({ name }));
    const results = resultsOf(await batch('batchReveal', { requests }, { token }));
    expect(codesOf(results)).to.deep.equal([undefined, 'permission_denied', 'permission_denied']);
    expect(results[1]).to.deep.equal(results[2]);
    const denied = await eventsOf('access.denied', ['hidden', 'absent']);
    expect(denied.map(({ resource_id: name }) => name)).to.deep.equal(['hidden', 'absent']);
    for (const protocol of protocols) {
      const client = protocolClient(protocol, coffer.origin, token);
      const path = `/v1/workspaces/${absentId}/credentials:batchReveal`;
      const { code } = await client(SecretService.method.batchRevealSecrets, path, {
        ...(protocol !== 'REST' && { workspace_id: absentId }),
        requests,
      });
      expect(code, protocol).to.equal(Code.PermissionDenied);
    }
  });

  it('refuse the items that may not be revealed, with the event of each', async () => {
    const ids = await createMany(['active', 'inactive', 'expired', 'deleted'].map((name) => item(name)));
    const [, inactive = '', expired = '', deleted = ''] = ids;
    await call({ method: 'POST', path: `${credentials}/${inactive}:deactivate`, body: {} });
    await call({ method: 'PATCH', path: `${credentials}/${expired}`, body: { expires_at: '2020-01-01T00:00:00Z' } });
    await call({ method: 'DELETE', path: `${credentials}/${deleted}` });
    const results = resultsOf(await batch('batchReveal', ask(ids)));
    const codes = [undefined, 'failed_precondition', 'failed_precondition', 'not_found'];
    expect(codesOf(results)).to.deep.equal(codes);
    expect(results.map(({ error }) => error?.reason)).to.deep.equal([
      undefined,
      'CREDENTIAL_INACTIVE',
      'CREDENTIAL_EXPIRED',
      'NOT_FOUND',
    ]);
    const events = await eventsOf('secrets.reveal', ids);
    expect(events.map(({ outcome }) => outcome)).to.deep.equal(['OK', 'DENIED', 'DENIED']);
  });

  it('answer at most 4 MiB; what has no room is not revealed and has no event', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 6; index += 1) {
      ids.push(...(await createMany(Array.from({ length: 13 }, () => item('large', { key: 'k'.repeat(65_000) })))));
    }
    for (const protocol of ['REST', 'gRPC']) {
      const before = (await eventsOf('secrets.reveal', ids)).length;
      const results = resultsOf(await batch('batchReveal', ask(ids), { protocol }));
      const cut = results.findIndex(({ error }) => error);
      expect(cut).to.be.within(40, 64);
      for (const { error } of results.slice(cut)) {
        expect(error).to.deep.include({ code: 'resource_exhausted', reason: 'ANSWER_TOO_LARGE' });
      }
      expect(Buffer.byteLength(JSON.stringify(results))).to.be.below(4 * 1_024 * 1_024);
      expect((await eventsOf('secrets.reveal', ids)).length - before).to.equal(cut);
    }
    const labels = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`k${index}`, 'v'.repeat(63)]));
    const metadata = { text: 'm'.repeat(16_000) };
    const large = await createCredential(call, { name: 'large', labels, metadata });
    const shown = resultsOf(await batch('batchGet', { credential_ids: Array(300).fill(large) }, { protocol: 'gRPC' }));
    const cut = shown.findIndex(({ error }) => error);
    expect(cut).to.be.within(100, 250);
    expect(new Set(shown.slice(cut).map(({ error }) => error?.reason))).to.deep.equal(new Set(['ANSWER_TOO_LARGE']));
  });

  it('reveal nothing to a key that another process revokes before the events are written', async () => {
    const other = await startCoffer(coffer);
    try {
      const ids = await createMany(Array.from({ length: 50 }, (_, index) => item(`r${index}`)));
      const issued = await coffer.native('POST', '/v1/workspaces/default/apiKeys', { name: 'k', role: 'RUNTIME' });
      const token = textOf(issued, 'token');
      const keyId = textOf(issued, 'api_key', 'id');
      resultsOf(await batch('batchReveal', ask(ids), { token }));
      const reveals = Array.from({ length: 4 }, async () => batch('batchReveal', ask(ids), { token }));
      const revoked = nativeClient(
        other.origin,
        coffer.adminToken,
      )({
        method: 'POST',
        path: `/v1/workspaces/default/apiKeys/${keyId}:revoke`,
        body: {},
      });
      for (const answer of await Promise.all(reveals)) {
        if (answer.code === undefined)
          expect(codesOf(resultsOf(answer)).every((code) => code === undefined)).to.equal(true);
        else expect(answer.code).to.equal(Code.Unauthenticated);
      }
      expect((await revoked).status).to.equal(200);
      expect((await batch('batchReveal', ask(ids), { token })).code).to.equal(Code.Unauthenticated);
    } finally {
      await other.stop();
    }
  });

  it('let other calls be served while one works', async () => {
    const ids = await createMany(Array.from({ length: 1_000 }, (_, index) => item(`s${index}`)));
    const order: string[] = [];
    const large = batch('batchReveal', ask(ids)).then(() => order.push('batch'));
    const small = Array.from({ length: 5 }, async () => {
      await call({ path: '/healthz' });
      order.push('small');
    });
    await Promise.all([large, ...small]);
    expect(order.at(-1)).to.equal('batch');
  });
});
