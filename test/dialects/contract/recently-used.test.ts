import { expect } from 'chai';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { memberOf, textOf } from '../../support/json.ts';
import { until } from '../../store/fixtures.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

const credentials = '/v1/workspaces/default/credentials';

describe('a credential that was used lately', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let token: string;
  let now = new Date('2024-01-01T00:00:00Z');

  before(async () => {
    coffer = await startCoffer({ now: () => now, environment: { COFFER_USED_WITHIN_DAYS: '7' } });
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR' });
  });

  beforeEach(() => {
    now = new Date('2024-01-01T00:00:00Z');
  });

  after(() => coffer.stop());

  async function create(isUsed = true): Promise<string> {
    const body = { credential: { name: 'used', provider: 'openai' }, secret: { api_key: 'sk-1' } };
    const id = textOf(await coffer.native('POST', credentials, body), 'credential', 'id');
    if (isUsed) await call({ method: 'POST', path: `${credentials}/${id}:reveal`, body: {}, token });
    return id;
  }

  const miniflow = (id: string) => `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials/${id}`;
  /** What each dialect refuses, and the members of its refusal; `text` is the message. */
  const refusals: Readonly<Record<string, (id: string) => [RestCall, (text: string) => object]>> = {
    'flowise, to delete it': (id) => [
      { method: 'DELETE', path: `/flowise/api/v1/credentials/${id}` },
      (text) => ({
        statusCode: 400,
        success: false,
        message: `Error: credentialsController.deleteCredentials - ${text}`,
      }),
    ],
    'fishnet, to delete it': (id) => [
      { method: 'DELETE', path: `/fishnet/api/credentials/${id}` },
      (text) => ({ error: text }),
    ],
    'mielto, to delete it': (id) => [
      { method: 'DELETE', path: `/mielto/api/v1/credentials/${id}` },
      (text) => ({ detail: text }),
    ],
    'scale, to delete it': (id) => [
      { method: 'DELETE', path: `/scale/v5/credentials/${id}` },
      (text) => ({ detail: text }),
    ],
    'miniflow, to delete it': (id) => [
      { method: 'DELETE', path: miniflow(id) },
      (text) => ({ status: 'error', code: 400, error_code: 'HTTP_400', error_message: text }),
    ],
    'miniflow, to deactivate it': (id) => [
      { method: 'POST', path: `${miniflow(id)}/deactivate` },
      (text) => ({ status: 'error', code: 400, error_code: 'HTTP_400', error_message: text }),
    ],
    'the native API, to delete it': (id) => [
      { method: 'DELETE', path: `${credentials}/${id}` },
      (text) => ({ code: 'failed_precondition', message: text }),
    ],
    'the native API, to deactivate it': (id) => [
      { method: 'POST', path: `${credentials}/${id}:deactivate`, body: {} },
      (text) => ({ code: 'failed_precondition', message: text }),
    ],
  };
  const message =
    'the credential was used within the last 7 days (at 2024-01-01T00:00:00.000Z): this needs force, which the native API takes';
  for (const [title, refusalOf] of Object.entries(refusals)) {
    it(`is refused by ${title}, until the period has passed`, async () => {
      const id = await create();
      const [request, membersOf] = refusalOf(id);
      now = new Date('2024-01-07T23:59:59Z');
      const refused = await call({ ...request, token });
      expect(refused.status, refused.text).to.equal(400);
      expect(refused.body).to.include(membersOf(message));
      const { credential } = await coffer.native('GET', `${credentials}/${id}`);
      expect(textOf(credential ?? null, 'state')).to.equal('ACTIVE');
      now = new Date('2024-01-08T00:00:00Z');
      expect((await call({ ...request, token })).status).to.be.oneOf([200, 204]);
    });
  }

  it('is done where it was not used', async () => {
    for (const refusalOf of Object.values(refusals)) {
      const [request] = refusalOf(await create(false));
      expect((await call({ ...request, token })).status).to.be.oneOf([200, 204]);
    }
  });

  it('names the consumers in the details of the native refusal, and is done by force', async () => {
    const id = await create();
    const refused = await call({ method: 'DELETE', path: `${credentials}/${id}`, token });
    const [detail] = JSON.parse(refused.text).details;
    expect(detail.debug).to.deep.include({ reason: 'RECENTLY_USED', domain: 'coffer' });
    const whoAmI = await call({ path: '/v1/whoami', token });
    const consumer = {
      api_key_id: textOf(JSON.parse(whoAmI.text), 'id'),
      name: 'a EDITOR key',
      last_used_at: '2024-01-01T00:00:00Z',
    };
    expect(JSON.parse(detail.debug.metadata.recent_consumers)).to.deep.equal([consumer]);
    const shown = await coffer.native('GET', `${credentials}/${id}`);
    expect(memberOf(shown, 'recent_consumers')).to.deep.equal([consumer]);
    const deactivated = await coffer.native('POST', `${credentials}/${id}:deactivate`, { force: true });
    expect(memberOf(deactivated, 'recent_consumers')).to.deep.equal([consumer]);
    // It is no longer in use, but was used lately.
    expect((await call({ method: 'POST', path: `${credentials}/${id}:deactivate`, body: {}, token })).status).to.equal(
      200,
    );
    expect((await call({ method: 'DELETE', path: `${credentials}/${id}`, token })).status).to.equal(400);
    const deleted = await coffer.native('DELETE', `${credentials}/${id}?force=true`);
    expect(memberOf(deleted, 'recent_consumers')).to.deep.equal([consumer]);
    expect(memberOf(deleted, 'credential', 'state')).to.equal('DELETED');
  });

  it('gives a repeated request the consumers of the first one', async () => {
    const id = await create();
    const headers = { 'idempotency-key': 'once only' };
    const path = `${credentials}/${id}?force=true`;
    await call({ method: 'DELETE', path: `${credentials}/${id}`, token });
    const [first, repeated] = [
      await call({ method: 'DELETE', path, token, headers }),
      await call({ method: 'DELETE', path, token, headers }),
    ];
    expect(first.status, first.text).to.equal(200);
    expect(memberOf(JSON.parse(first.text), 'recent_consumers')).to.have.length(1);
    expect(repeated.text).to.equal(first.text);
  });

  it('has no consumers left once it is purged, or its workspace is deleted', async () => {
    const session = new Client(coffer.database.connection);
    await session.connect();
    const count = async (at: string) => {
      const statement = 'select count(*)::int as count from credential_consumer where workspace_id = $1';
      return (await session.query<{ count: number }>(statement, [at])).rows[0]?.count;
    };
    const workspaceId = await coffer.createWorkspace('short-lived');
    const at = `/v1/workspaces/${workspaceId}/credentials`;
    const use = async () => {
      const body = { credential: { name: 'used' }, secret: { api_key: 'sk-1' } };
      const id = textOf(await coffer.native('POST', at, body), 'credential', 'id');
      await coffer.native('POST', `${at}/${id}:reveal`, {});
      // What is refused has written the uses before.
      expect((await call({ method: 'DELETE', path: `${at}/${id}`, token: coffer.adminToken })).status).to.equal(400);
      return id;
    };
    const purged = await use();
    expect(await count(workspaceId)).to.equal(1);
    await coffer.native('DELETE', `${at}/${purged}?force=true`);
    await coffer.native('POST', `${at}/${purged}:purge`, {});
    expect(await count(workspaceId)).to.equal(0);
    await use();
    await coffer.native('DELETE', `/v1/workspaces/${workspaceId}?name=short-lived`);
    await until(async () => (await count(workspaceId)) === 0);
    await session.end();
  });

  it('needs the current etag even by force, and is absent to keys that are not for it', async () => {
    const id = await create();
    const stale = await call({ method: 'DELETE', path: `${credentials}/${id}?force=true&etag=7`, token });
    expect(stale.status, stale.text).to.equal(409);
    const scoped = await coffer.issueKey({ role: 'EDITOR', providers: ['slack'] });
    expect((await call({ method: 'DELETE', path: `${credentials}/${id}`, token: scoped })).status).to.equal(404);
  });
});
