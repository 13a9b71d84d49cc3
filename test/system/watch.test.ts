import { Code } from '@connectrpc/connect';
import { expect } from 'chai';
import { CredentialEvent_Kind } from '../../gen/coffer/v1/event_service_pb.ts';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';
import { watchProtocols, type BeginWatch, type Watch, type WatchTarget } from '../support/watching.ts';

const { CREATED, UPDATED, DEACTIVATED, DELETED } = CredentialEvent_Kind;

/** Begins to watch; with the admin key, over gRPC, unless something else is said. */
function watch(
  { origin, adminToken }: TestCoffer,
  { begin = watchProtocols.gRPC, ...target }: Partial<WatchTarget> & { readonly begin?: BeginWatch } = {},
): Watch {
  return begin({ origin, token: adminToken, ...target });
}

describe('watching credentials, over two processes with one database', () => {
  let here: TestCoffer;
  let there: TestCoffer;

  before(async () => {
    here = await startCoffer();
    const { database, environment } = here;
    there = await startCoffer({ database, environment });
  });

  after(() => Promise.all([here.stop(), there.stop()]));

  const credentials = '/v1/workspaces/default/credentials';

  async function create(coffer: TestCoffer, credential: object = {}): Promise<string> {
    const body = { credential: { name: 'a name', ...credential }, secret: { api_key: 'sk-1' } };
    return textOf(await coffer.native('POST', credentials, JSON.parse(JSON.stringify(body))), 'credential', 'id');
  }

  async function issueKey(role: 'VIEWER' | 'RUNTIME' = 'VIEWER', more: object = {}) {
    const draft = JSON.parse(JSON.stringify({ name: 'watcher', role, ...more }));
    const made = await here.native('POST', '/v1/workspaces/default/apiKeys', draft);
    return { id: textOf(made, 'api_key', 'id'), token: textOf(made, 'token') };
  }

  const revoke = (id: string) => here.native('POST', `/v1/workspaces/default/apiKeys/${id}:revoke`);

  for (const [protocol, begin] of Object.entries(watchProtocols)) {
    it(`streams what happens at either process, over ${protocol}`, async () => {
      await using watching = watch(there, { begin });
      expect((await watching.next()).event).to.equal(undefined);
      const id = await create(here);
      expect(await watching.nextChange()).to.deep.equal([CREATED, id]);
      const path = `${credentials}/${id}`;
      await there.native('PATCH', path, { name: 'other' });
      expect(await watching.nextChange()).to.deep.equal([UPDATED, id]);
      await here.native('POST', `${path}:reveal`);
      await there.native('POST', `${path}:deactivate`);
      expect(await watching.nextChange()).to.deep.equal([DEACTIVATED, id]);
      await here.native('DELETE', path);
      expect(await watching.nextChange()).to.deep.equal([DELETED, id]);
    });

    it(`ends when its key is revoked at the other process, over ${protocol}`, async () => {
      const { id, token } = await issueKey();
      await using watching = watch(there, { token, begin });
      await watching.next();
      await revoke(id);
      expect((await watching.end()).code).to.equal(Code.Unauthenticated);
    });

    it(`is not begun without a token, over ${protocol}`, async () => {
      await using watching = watch(here, { token: '', begin });
      expect((await watching.end()).code).to.equal(Code.Unauthenticated);
    });
  }

  it('ends when its key is revoked in SQL', async () => {
    const { id, token } = await issueKey();
    await using watching = watch(there, { token });
    await watching.next();
    const superuser = new Client(here.database.connection);
    await superuser.connect();
    await superuser.query('update api_key set revoked_at = now() where id = $1', [id]);
    await superuser.end();
    expect((await watching.end()).code).to.equal(Code.Unauthenticated);
  });

  it('goes on when another key is revoked', async () => {
    const { token } = await issueKey();
    const other = await issueKey();
    await using watching = watch(there, { token });
    await watching.next();
    await revoke(other.id);
    const id = await create(here);
    expect(await watching.nextChange()).to.deep.equal([CREATED, id]);
  });

  it('ends when its caller is no longer a member', async () => {
    const password = 'correct horse';
    const user = await here.native('POST', '/v1/users', { user: { name: 'alice' }, password });
    const userId = textOf(user, 'user', 'id');
    const members = '/v1/workspaces/default/members';
    await here.native('POST', members, { member: { user_id: userId, role: 'VIEWER' } });
    const token = textOf(await here.native('POST', '/v1/login', { user: 'alice', password }), 'token');
    await using watching = watch(there, { token, workspaceId: here.defaultWorkspaceId });
    await watching.next();
    await here.native('DELETE', `${members}/${userId}`);
    expect((await watching.end()).code).to.equal(Code.NotFound);
  });

  it('streams nothing to a key about credentials beyond its scope', async () => {
    const { token } = await issueKey('RUNTIME', { providers: ['openai'] });
    await using watching = watch(here, { token });
    await watching.next();
    await create(here, { provider: 'github' });
    const id = await create(here, { provider: 'openai' });
    expect(await watching.nextChange()).to.deep.equal([CREATED, id]);
  });

  it('streams nothing about other workspaces', async () => {
    const workspaceId = await here.createWorkspace('other');
    await using watching = watch(here, { workspaceId });
    await watching.next();
    await create(here);
    const body = { credential: { name: 'theirs' }, secret: { api_key: 'sk-1' } };
    const made = await here.native('POST', `/v1/workspaces/${workspaceId}/credentials`, body);
    expect(await watching.nextChange()).to.deep.equal([CREATED, textOf(made, 'credential', 'id')]);
  });

  it('ends when the server stops', async () => {
    const { database, environment } = here;
    const brief = await startCoffer({ database, environment });
    await using watching = watch(brief);
    await watching.next();
    const [end] = await Promise.all([watching.end(), brief.stop()]);
    expect(end.code).to.equal(Code.Unavailable);
  });
});
