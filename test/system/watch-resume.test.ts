import { Code } from '@connectrpc/connect';
import { expect } from 'chai';
import { mock } from 'node:test';
import { Client } from 'pg';
import { CredentialEvent_Kind } from '../../gen/coffer/v1/event_service_pb.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';
import {
  blocksOf,
  fieldsOf,
  watchPath,
  watchProtocols,
  type BeginWatch,
  type Watch,
  type WatchTarget,
} from '../support/watching.ts';

const { CREATED, UPDATED, DELETED, DEACTIVATED, REVEALED, SECRET_CHANGED } = CredentialEvent_Kind;
const credentials = '/v1/workspaces/default/credentials';

async function create(coffer: TestCoffer, credential: object = {}): Promise<string> {
  const body = { credential: { name: 'a name', ...credential }, secret: { api_key: 'sk-1' } };
  return textOf(await coffer.native('POST', credentials, JSON.parse(JSON.stringify(body))), 'credential', 'id');
}

function watchVia(begin: BeginWatch, { origin, adminToken }: TestCoffer, target: Partial<WatchTarget> = {}): Watch {
  return begin({ origin, token: adminToken, ...target });
}

function open({ origin, adminToken }: TestCoffer, query = '', headers: Record<string, string> = {}): Promise<Response> {
  return fetch(origin + watchPath() + query, { headers: { authorization: `Bearer ${adminToken}`, ...headers } });
}

describe('resuming a watch of credentials, over two processes with one database', () => {
  let here: TestCoffer;
  let there: TestCoffer;
  let superuser: Client;

  before(async () => {
    here = await startCoffer();
    const { database, environment } = here;
    there = await startCoffer({ database, environment });
    superuser = new Client(database.connection);
    await superuser.connect();
  });

  after(async () => {
    await superuser.end();
    await Promise.all([here.stop(), there.stop()]);
  });

  for (const [protocol, begin] of Object.entries(watchProtocols)) {
    describe(`over ${protocol}`, () => {
      it('continues after the last message at either process, without a gap and without a repetition', async () => {
        const first = watchVia(begin, here);
        await first.next();
        const ids = [await create(here), await create(there), await create(here)];
        const seen: string[] = [];
        let resumeToken = '';
        const take = async (watching: Watch) => {
          for (;;) {
            const message = await watching.next();
            ({ resumeToken } = message);
            if (!message.event) continue;
            seen.push(message.event.credentialId);
            return;
          }
        };
        await take(first);
        await first[Symbol.asyncDispose]();
        for (const coffer of [there, here]) {
          await using next = watchVia(begin, coffer, { resumeToken });
          await take(next);
        }
        ids.push(await create(there));
        await using last = watchVia(begin, there, { resumeToken });
        await take(last);
        expect(seen).to.have.members(ids).and.have.lengthOf(ids.length);
        expect(resumeToken.length).to.be.at.most(1_024);
      });

      it('is refused where the trail no longer has the events since the token', async () => {
        const id = await create(here);
        let resumeToken = '';
        {
          await using watching = watchVia(begin, here);
          ({ resumeToken } = await watching.next());
        }
        const sql = `with gone as (delete from audit_event where resource_id = $1 returning *) select * from gone`;
        const { rows } = await superuser.query(sql, [id]);
        expect(rows).to.have.lengthOf(1);
        await using late = watchVia(begin, there, { resumeToken });
        const { code, reason } = await late.end();
        expect({ code, reason }).to.deep.equal({ code: Code.OutOfRange, reason: 'RESUME_TOKEN_EXPIRED' });
      });

      it('is refused with the token of another workspace, and with what is no token', async () => {
        const workspaceId = await here.createWorkspace(`other ${protocol}`);
        await using elsewhere = watchVia(begin, here, { workspaceId });
        const { resumeToken } = await elsewhere.next();
        for (const token of [resumeToken, 'yesterday', `${resumeToken}.`, 'w'.repeat(1_025)]) {
          await using watching = watchVia(begin, here, { resumeToken: token });
          const { code, message } = await watching.end();
          expect(code).to.equal(Code.InvalidArgument);
          expect(message).to.include('resume_token');
        }
      });

      it('streams reveals only where they are asked for, and only to admins', async () => {
        const id = await create(here);
        await using admin = watchVia(begin, there, { includeReveals: true });
        await admin.next();
        await here.native('POST', `${credentials}/${id}:reveal`, {});
        await here.native('POST', `${credentials}/${id}:deactivate`, {});
        expect(await admin.nextChange()).to.deep.equal([REVEALED, id]);
        expect(await admin.nextChange()).to.deep.equal([DEACTIVATED, id]);
        const editor = await here.issueKey({ role: 'EDITOR' });
        await using watching = watchVia(begin, there, { includeReveals: true, token: editor });
        expect((await watching.end()).code).to.equal(Code.PermissionDenied);
      });
    });
  }

  it('has the revision and the current version after each change', async () => {
    await using watching = watchVia(watchProtocols.gRPC, here);
    await watching.next();
    const id = await create(there);
    await there.native('PATCH', `${credentials}/${id}`, { name: 'other' });
    const shown = async () => {
      const { kind, revision, currentVersion, credentialId } = await watching.nextEvent();
      return { kind, revision, currentVersion, credentialId };
    };
    const expected = { currentVersion: 1, credentialId: id };
    expect(await shown()).to.deep.equal({ ...expected, kind: CREATED, revision: 1 });
    expect(await shown()).to.deep.equal({ ...expected, kind: UPDATED, revision: 2 });
    const path = `/api/v1/credentials/${id}`;
    const response = await fetch(here.origin + path, {
      method: 'PUT',
      headers: { authorization: `Bearer ${here.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'other', credentialName: 'openAIApi', plainDataObj: { openAIApiKey: 'sk-2' } }),
    });
    expect(response.status, await response.text()).to.equal(200);
    expect(await shown()).to.deep.equal({ kind: SECRET_CHANGED, revision: 3, currentVersion: 2, credentialId: id });
  });

  it('ends a watch of reveals when its caller is no longer an admin', async () => {
    const password = 'correct horse';
    const user = await here.native('POST', '/v1/users', { user: { name: 'alice' }, password });
    const member = { user_id: textOf(user, 'user', 'id') };
    const members = '/v1/workspaces/default/members';
    await here.native('POST', members, { member: { ...member, role: 'ADMIN' } });
    const token = textOf(await here.native('POST', '/v1/login', { user: 'alice', password }), 'token');
    const workspaceId = here.defaultWorkspaceId;
    await using reveals = watchVia(watchProtocols.gRPC, there, { token, workspaceId, includeReveals: true });
    await using changes = watchVia(watchProtocols.gRPC, there, { token, workspaceId });
    await Promise.all([reveals.next(), changes.next()]);
    await here.native('DELETE', `${members}/${member.user_id}`);
    await here.native('POST', members, { member: { ...member, role: 'VIEWER' } });
    expect((await reveals.end()).code).to.be.oneOf([Code.PermissionDenied, Code.NotFound]);
  });

  describe('with a key that is limited to some credentials', () => {
    for (const [what, scope, within, beyond] of [
      ['provider', { providers: ['openai'] }, { provider: 'openai' }, { provider: 'github' }],
      ['tag', { tags: ['a', 'b'] }, { tags: ['b', 'c'] }, { tags: ['c'] }],
      ['subject', { subjects: ['alice'] }, { subject: 'alice' }, { subject: 'bob' }],
    ] as const) {
      it(`deletes a credential that leaves the scope by its ${what}, once, and shows no other`, async () => {
        const token = await here.issueKey({ role: 'VIEWER', ...scope });
        const id = await create(here, within);
        const other = await create(here, beyond);
        await using watching = watchVia(watchProtocols.gRPC, there, { token });
        const { resumeToken } = await watching.next();
        const elsewhere = { ...beyond, description: 'still elsewhere' };
        await there.native('PATCH', `${credentials}/${other}`, { ...elsewhere, name: 'never seen' });
        await here.native('PATCH', `${credentials}/${id}`, beyond);
        await there.native('PATCH', `${credentials}/${id}`, { ...elsewhere, provider: 'elsewhere', tags: ['z'] });
        await here.native('DELETE', `${credentials}/${id}`);
        const last = await create(there, within);
        expect(await watching.nextChange()).to.deep.equal([DELETED, id]);
        expect(await watching.nextChange()).to.deep.equal([CREATED, last]);
        await using resumed = watchVia(watchProtocols.gRPC, here, { token, resumeToken });
        expect(await resumed.nextChange()).to.deep.equal([DELETED, id]);
        expect(await resumed.nextChange()).to.deep.equal([CREATED, last]);
      });
    }
  });

  describe('as server-sent events', () => {
    it('has the id, the kind and the message of each change, and headers against buffers and caches', async () => {
      const response = await open(here);
      expect(Object.fromEntries(response.headers)).to.include({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      const blocks = blocksOf(response);
      const next = async () => fieldsOf(String((await blocks.next()).value));
      expect(await next()).to.deep.equal({ retry: '2000' });
      const { id: beginning, event, data } = await next();
      expect({ event, data }).to.deep.equal({
        event: 'heartbeat',
        data: JSON.stringify({ resume_token: beginning }),
      });
      const created = await create(there);
      const change = await next();
      const message = JSON.parse(change['data'] ?? '');
      expect(change['event']).to.equal('CREATED');
      expect(message.resume_token).to.equal(change['id']);
      expect(message.event).to.include({ kind: 'CREATED', credential_id: created, revision: 1, current_version: 1 });
      expect(change['id']).to.match(/^[\w.-]{1,1024}$/);
      await blocks.return(undefined);
    });

    it('shows with a comment every 15 seconds that it is alive', async () => {
      mock.timers.enable({ apis: ['setInterval'] });
      try {
        const blocks = blocksOf(await open(here));
        const opening = [await blocks.next(), await blocks.next()];
        expect(opening.map(({ value }) => Object.keys(fieldsOf(String(value))))).to.deep.include(['retry']);
        for (let heartbeat = 0; heartbeat < 2; heartbeat++) {
          mock.timers.tick(15_000);
          expect(String((await blocks.next()).value).trim()).to.equal(':');
        }
        await blocks.return(undefined);
      } finally {
        mock.timers.reset();
      }
    });

    it('takes no token in the query', async () => {
      for (const query of ['?resume_token=w.1', '?resumeToken=w.1', `?access_token=${here.adminToken}`]) {
        const response = await open(here, query);
        expect(response.status, query).to.equal(400);
        await response.body?.cancel();
      }
      const response = await fetch(`${here.origin}${watchPath()}?access_token=${here.adminToken}`);
      expect(response.status).to.equal(401);
      await response.body?.cancel();
    });

    it('refuses before the first event with the status of the error', async () => {
      const refusals: [Record<string, string>, number, string][] = [
        [{ 'last-event-id': 'yesterday' }, 400, ''],
        [{ 'last-event-id': '' }, 400, ''],
        [{ authorization: `Bearer ${await here.issueKey({ role: 'EDITOR' })}` }, 403, '?include_reveals=true'],
        [{ authorization: 'Bearer none' }, 401, ''],
      ];
      for (const [headers, status, query] of refusals) {
        const response = await open(here, query, headers);
        expect(response.status, JSON.stringify(status)).to.equal(status);
        await response.body?.cancel();
      }
    });
  });
});
