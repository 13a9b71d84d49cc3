import { Code } from '@connectrpc/connect';
import { expect } from 'chai';
import { Client } from 'pg';
import { CredentialService } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { textOf } from '../../support/json.ts';
import { protocolClient, protocols, type ProtocolAnswer } from './every-protocol.ts';
import { nativeClient, type NativeClient } from './native-client.ts';

const absentId = '018cc251-f400-7000-8000-00000000dead';

/** All metadata that a caller can choose. */
const metadata = {
  name: 'transferred',
  description: 'for the bots',
  provider: 'openai',
  auth_type: 'api_key',
  category: 'llm',
  scope: 'workspace',
  subject: 'customer-17',
  tags: ['prod', 'eu'],
  labels: { env: 'prod' },
  metadata: { owner: { team: ['a', null, 1.5, true] } },
  expires_at: '2999-06-01T12:00:00.500Z',
};

interface Shown {
  readonly id: string;
  readonly etag: string;
  readonly current_version: number;
  readonly state: string;
}

const pathOf = (workspace: string, id: string, verb = '') => `/v1/workspaces/${workspace}/credentials/${id}${verb}`;

function shownIn({ body, ...refusal }: ProtocolAnswer): Shown {
  const credential: unknown = Object(body).credential;
  if (!credential) throw new Error(JSON.stringify(refusal));
  return Object(credential);
}

describe('copying and moving credentials', () => {
  let coffer: TestCoffer;
  let call: NativeClient;
  let here: string;
  let there: string;
  let superuser: Client;

  before(async () => {
    coffer = await startCoffer();
    call = nativeClient(coffer.origin, coffer.adminToken);
    here = coffer.defaultWorkspaceId;
    there = await coffer.createWorkspace('there');
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
  });

  after(async () => {
    await superuser.end();
    await coffer.stop();
  });

  async function create(credential: object = metadata, workspace = here): Promise<string> {
    const body = { credential, secret: { api_key: 'sk-1' } };
    const made = await call({ method: 'POST', path: `/v1/workspaces/${workspace}/credentials`, body });
    expect(made.status, JSON.stringify(made.body)).to.equal(200);
    return String(made.body.credential['id']);
  }

  function transfer(
    verb: 'copy' | 'move',
    id: string,
    body: object = {},
    { token = coffer.adminToken, protocol = 'REST', origin = coffer.origin, from = here } = {},
  ): Promise<ProtocolAnswer> {
    const request = { destination_workspace_id: there, ...body };
    const method = CredentialService.method[verb === 'copy' ? 'copyCredential' : 'moveCredential'];
    const names = protocol === 'REST' ? {} : { workspace_id: from, credential_id: id };
    return protocolClient(protocol, origin, token)(method, pathOf(from, id, `:${verb}`), { ...names, ...request });
  }

  const show = async (workspace: string, id: string, query = '') =>
    (await call({ path: `${pathOf(workspace, id)}${query}` })).body.credential;

  const reveal = async (workspace: string, id: string) =>
    (await call({ method: 'POST', path: pathOf(workspace, id, ':reveal'), body: {} })).body;

  async function eventsOf(...ids: readonly string[]) {
    const { rows } = await superuser.query<{ event: string; xmin: string }>(
      `select (case workspace_id when $1 then 'here' else 'there' end) || ' ' || action || ' ' || outcome
         || coalesce(' ' || related_id, '') as event, xmin::text from audit_event
       where resource_id = any ($2) order by seq`,
      [here, ids],
    );
    return rows;
  }

  async function expectIntact(): Promise<void> {
    const { body } = await call({ method: 'POST', path: '/v1/auditTrail:verify', body: {} });
    expect(body['intact'], JSON.stringify(body)).to.equal(true);
  }

  for (const protocol of protocols) {
    it(`a copy has all metadata and the secret, and its own id and versions, over ${protocol}`, async () => {
      const id = await create();
      const copy = shownIn(await transfer('copy', id, {}, { protocol }));
      expect(copy.id).not.to.equal(id);
      expect(copy).to.deep.include({
        ...metadata,
        workspace_id: there,
        current_version: 1,
        etag: '1',
        state: 'ACTIVE',
      });
      expect(await show(there, copy.id)).to.deep.include(metadata);
      expect(await show(here, id)).to.deep.include({ etag: '1', state: 'ACTIVE' });
      for (const [workspace, one] of [
        [here, id],
        [there, copy.id],
      ] as const) {
        expect(await reveal(workspace, one)).to.deep.equal({ secret: { api_key: 'sk-1' }, version: 1 });
      }
      const events = (await eventsOf(id, copy.id)).slice(0, 3);
      expect(events.map(({ event }) => event)).to.deep.equal([
        'here credentials.create OK',
        `here credentials.copy OK ${copy.id}`,
        'there credentials.create OK',
      ]);
      expect(events[1]?.xmin).to.equal(events[2]?.xmin);
    });

    it(`a move keeps the id, continues etag and version, and deletes the source, over ${protocol}`, async () => {
      const id = await create();
      const moved = shownIn(await transfer('move', id, { name: 'renamed', etag: '"1"' }, { protocol }));
      const expected = { ...metadata, name: 'renamed', id, workspace_id: there, current_version: 2, etag: '2' };
      expect(moved).to.deep.include(expected);
      expect(await reveal(there, id)).to.deep.equal({ secret: { api_key: 'sk-1' }, version: 2 });
      expect((await call({ path: pathOf(here, id) })).status).to.equal(404);
      expect(await show(here, id, '?show_deleted=true')).to.deep.include({ state: 'DELETED', etag: '2' });
      const events = (await eventsOf(id)).slice(0, 3);
      expect(events.map(({ event }) => event)).to.deep.equal([
        'here credentials.create OK',
        `here credentials.move OK ${id}`,
        'there credentials.create OK',
      ]);
      expect(events[1]?.xmin).to.equal(events[2]?.xmin);
    });
  }

  it('carry the state: inactive and expired credentials stay so', async () => {
    for (const verb of ['copy', 'move'] as const) {
      const inactive = await create();
      await call({ method: 'POST', path: pathOf(here, inactive, ':deactivate'), body: {} });
      expect(shownIn(await transfer(verb, inactive)).state).to.equal('INACTIVE');
      const expired = await create({ ...metadata, expires_at: '2020-01-01T00:00:00Z' });
      expect(shownIn(await transfer(verb, expired)).state).to.equal('EXPIRED');
    }
  });

  it('keep the origin and the exclusive name of another API, and refuse a name that is taken there', async () => {
    for (const verb of ['copy', 'move'] as const) {
      const body = { name: `exclusive ${verb}`, type: 'key', payload: 'p' };
      const scale = {
        method: 'POST',
        path: '/scale/v5/credentials',
        body,
        headers: { 'x-api-key': coffer.adminToken },
      };
      const made = textOf(JSON.parse(JSON.stringify((await call(scale)).body)), 'id');
      const copy = shownIn(await transfer('copy', made));
      expect(copy).to.deep.include({ origin: 'scale', name: `exclusive ${verb}` });
      const taken = await transfer(verb, made);
      expect([taken.code, taken.reason]).to.deep.equal([Code.AlreadyExists, 'NAME_TAKEN']);
      expect(await show(here, made)).to.deep.include({ etag: '1' });
      expect(shownIn(await transfer(verb, made, { name: `free ${verb}` }))).to.deep.include({ name: `free ${verb}` });
    }
  });

  it('refuse an id that the destination has, deleted or not; a purged one continues at its next version', async () => {
    const id = await create();
    shownIn(await transfer('move', id));
    const back = { destination_workspace_id: here };
    const taken = await transfer('move', id, back, { from: there });
    expect([taken.code, taken.reason]).to.deep.equal([Code.AlreadyExists, 'ID_TAKEN']);
    expect((await call({ method: 'POST', path: pathOf(here, id, ':purge'), body: {} })).status).to.equal(200);
    for (let change = 0; change < 3; change += 1) {
      await call({ method: 'PATCH', path: pathOf(there, id), body: { description: `${change}` } });
    }
    const returned = shownIn(await transfer('move', id, back, { from: there }));
    expect(returned).to.deep.include({ id, workspace_id: here, current_version: 3, etag: '6' });
    expect(await reveal(here, id)).to.deep.equal({ secret: { api_key: 'sk-1' }, version: 3 });
    await expectIntact();
  });

  it('refuse what cannot be transferred, and change nothing', async () => {
    const id = await create();
    const deleted = await create();
    await call({ method: 'DELETE', path: pathOf(here, deleted) });
    const before = await superuser.query('select count(*) from credential');
    const events = await superuser.query("select count(*) from audit_event where action <> 'access.denied'");
    const refusals: readonly (readonly [Promise<ProtocolAnswer>, Code, string?])[] = [
      ...(['copy', 'move'] as const).flatMap((verb): (readonly [Promise<ProtocolAnswer>, Code, string?])[] => [
        [transfer(verb, id, { destination_workspace_id: here }), Code.InvalidArgument],
        [transfer(verb, id, { destination_workspace_id: 'default' }), Code.InvalidArgument],
        [transfer(verb, id, { destination_workspace_id: '' }), Code.InvalidArgument],
        [transfer(verb, id, { destination_workspace_id: absentId }), Code.NotFound],
        [transfer(verb, id, { name: 'n'.repeat(256) }), Code.InvalidArgument],
        [transfer(verb, absentId), Code.NotFound],
        [transfer(verb, deleted), Code.NotFound],
        [transfer(verb, 'nothing'), Code.NotFound],
      ]),
      [transfer('move', id, { etag: '7' }), Code.Aborted, 'ETAG_STALE'],
    ];
    for (const [refused, code, reason] of refusals) {
      const answer = await refused;
      expect(answer.code, JSON.stringify(answer)).to.equal(code);
      if (reason !== undefined) expect(answer.reason).to.equal(reason);
    }
    expect((await superuser.query('select count(*) from credential')).rows).to.deep.equal(before.rows);
    const left = await superuser.query("select count(*) from audit_event where action <> 'access.denied'");
    expect(left.rows).to.deep.equal(events.rows);
  });

  it('need the permissions of the table, and an API key has one workspace only', async () => {
    const sources = { copy: new Set(['RUNTIME', 'EDITOR', 'ADMIN']), move: new Set(['EDITOR', 'ADMIN']) };
    const destinations = new Set(['EDITOR', 'EDITOR without reveal', 'ADMIN without reveal']);
    const user = await coffer.native('POST', '/v1/users', { user: { name: 'mover' }, password: 'a first password' });
    const login = { user: 'mover', password: 'a first password' };
    const token = textOf(await coffer.native('POST', '/v1/login', login), 'token');
    const join = async (workspace: string, text: string) => {
      const [role = ''] = text.split(' ');
      const member = { user_id: textOf(user, 'user', 'id'), role, without_reveal: text.endsWith('without reveal') };
      await coffer.native('POST', `/v1/workspaces/${workspace}/members`, { member });
    };
    for (const destination of ['VIEWER', 'RUNTIME', ...destinations]) {
      await join(there, destination);
      for (const source of ['VIEWER', 'RUNTIME', 'EDITOR', 'EDITOR without reveal', 'ADMIN', 'ADMIN without reveal']) {
        await join(here, source);
        for (const verb of ['copy', 'move'] as const) {
          const { code } = await transfer(verb, await create(), {}, { token });
          const isPermitted = sources[verb].has(source) && destinations.has(destination);
          const expected = isPermitted ? undefined : Code.PermissionDenied;
          expect(code, `${verb} as ${source}, ${destination} there`).to.equal(expected);
        }
      }
    }
    const key = await coffer.issueKey({ role: 'ADMIN' });
    for (const verb of ['copy', 'move'] as const) {
      expect((await transfer(verb, await create(), {}, { token: key })).code).to.equal(Code.NotFound);
    }
  });

  it('answer a repetition under a request id with the first answer, also on another process', async () => {
    const other = await startCoffer(coffer);
    try {
      for (const verb of ['copy', 'move'] as const) {
        const id = await create();
        const body = { request_id: crypto.randomUUID() };
        const answers = [await transfer(verb, id, body), await transfer(verb, id, body, { origin: other.origin })];
        const [first, second] = answers.map(shownIn);
        expect(second).to.deep.equal(first);
      }
      const body = {
        requests: [{ credential: { name: 'once' }, secret: { k: 'v' } }, { secret: { k: 'v' } }],
        request_id: crypto.randomUUID(),
      };
      const path = `/v1/workspaces/${here}/credentials:batchCreate`;
      const first = await call({ method: 'POST', path, body });
      const second = await nativeClient(other.origin, coffer.adminToken)({ method: 'POST', path, body });
      expect(second.body).to.deep.equal(first.body);
      expect(first.body['results']).to.have.length(2);
    } finally {
      await other.stop();
    }
  });

  it('of two processes at the same time take effect once, or one after the other', async () => {
    const other = await startCoffer(coffer);
    try {
      for (let round = 0; round < 5; round += 1) {
        const id = await create();
        const moves = [coffer.origin, other.origin, coffer.origin].map((origin) =>
          transfer('move', id, {}, { origin }),
        );
        const copies = [coffer.origin, other.origin].map((origin) => transfer('copy', id, {}, { origin }));
        const changes = [coffer.origin, other.origin].map(async (origin) =>
          nativeClient(origin, coffer.adminToken)({ method: 'POST', path: pathOf(here, id, ':deactivate'), body: {} }),
        );
        const answers = await Promise.all(moves);
        expect(answers.filter(({ code }) => code === undefined)).to.have.length(1);
        for (const { code } of answers) expect(code).to.be.oneOf([undefined, Code.NotFound]);
        for (const { code } of await Promise.all(copies)) expect(code).to.be.oneOf([undefined, Code.NotFound]);
        for (const { status } of await Promise.all(changes)) expect(status).to.be.oneOf([200, 404]);
        expect(await show(there, id)).to.deep.include({ id, current_version: 2 });
      }
      // In opposite directions at once, so that both lock rows of both workspaces.
      const pairs = await Promise.all(
        Array.from({ length: 8 }, async () => [await create(), await create(metadata, there)]),
      );
      const both = pairs.flatMap(([one = '', another = ''], index) => [
        transfer('move', one, {}, { origin: index % 2 === 0 ? coffer.origin : other.origin }),
        transfer('move', another, { destination_workspace_id: here }, { from: there, origin: other.origin }),
      ]);
      for (const { code } of await Promise.all(both)) expect(code).to.equal(undefined);
    } finally {
      await other.stop();
    }
    await expectIntact();
  });
});
