import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { nativeClient, type NativeClient } from '../dialects/coffer/native-client.ts';
import { startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';
import { sharedPostgres, type TestDatabase } from '../support/postgres.ts';

const password = 'correct horse';
/** What is promised, however slow the machine: what a process has in memory counts no longer than that unless it is confirmed. */
const promisedMs = 1_000;

describe('what proves a caller, over three processes with one database', () => {
  let folder: string;
  let database: TestDatabase;
  let superuser: Client;
  let processes: readonly CofferProcess[];
  let clients: readonly NativeClient[];
  let here: NativeClient;

  before(async () => {
    database = await (await sharedPostgres()).createDatabase();
    folder = await mkdtemp(join(tmpdir(), 'coffer-revocation-'));
    const environment = {
      COFFER_DATABASE_URL: database.url,
      COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
      COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    };
    const start = (name: string) => startCofferProcess(join(folder, name), environment);
    // On an empty database, at once.
    processes = await Promise.all(['one', 'two', 'three'].map(start));
    clients = processes.map(({ origin, adminToken }) => nativeClient(origin, adminToken));
    [here = expect.fail()] = clients;
    superuser = new Client(database.connection);
    await superuser.connect();
  });

  after(async () => {
    await superuser.end();
    await Promise.all(processes.map((process) => process.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  /** What each process answers. */
  const statuses = async (path: string, token: string) =>
    Promise.all(clients.map(async (client) => (await client({ path, token })).status));

  const whoIs = (token: string) => statuses('/v1/whoami', token);

  /** Asks all of them again and again, so that they have the token in memory. */
  async function becomeKnown(token: string): Promise<void> {
    const before = await hits();
    while ((await hits()).some((count, index) => count < (before[index] ?? 0) + 3)) {
      expect(await whoIs(token)).to.deep.equal([200, 200, 200]);
    }
  }

  const metric = async (name: string) =>
    Promise.all(
      processes.map(async ({ origin, adminToken }) => {
        const reply = await fetch(`${origin}/metrics`, { headers: { authorization: `Bearer ${adminToken}` } });
        const line = (await reply.text()).split('\n').find((one) => one.startsWith(`${name} `));
        return Number(line?.slice(name.length + 1) ?? 0);
      }),
    );

  const hits = () => metric('coffer_access_lookups_total{result="hit"}');
  const bypassed = () => metric('coffer_access_lookups_total{result="bypassed"}');

  /** Asks until all processes answer so; mocha's timeout ends the patience. */
  async function untilAll(path: string, token: string, status: number): Promise<void> {
    while ((await statuses(path, token)).some((one) => one !== status));
  }

  async function issueKey(): Promise<{ readonly id: string; readonly token: string }> {
    const path = '/v1/workspaces/default/apiKeys';
    const { body } = await here({ method: 'POST', path, body: { name: 'brief', role: 'RUNTIME' } });
    return { id: String(body.api_key['id']), token: String(body['token']) };
  }

  async function logIn(name: string): Promise<{ readonly id: string; readonly token: string }> {
    const [, there = expect.fail()] = clients;
    const made = await here({ method: 'POST', path: '/v1/users', body: { user: { name }, password } });
    const { body } = await there({ method: 'POST', path: '/v1/login', body: { user: name, password } });
    return { id: String(made.body.user['id']), token: String(body['token']) };
  }

  const revoke = (id: string) => here({ method: 'POST', path: `/v1/workspaces/default/apiKeys/${id}:revoke` });

  /** Ends the connections that listen. */
  const deafen = () =>
    superuser.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen coffer_grants' and datname = $1",
      [database.connection.database],
    );

  it('begins with one owner and each migration once, when they start at once on an empty database', async () => {
    const { rows: owners } = await superuser.query('select 1 from "user" where is_owner');
    expect(owners).to.have.lengthOf(1);
    const { rows } = await superuser.query('select name from schema_migration');
    const names = rows.map(({ name }) => String(name));
    expect(names).to.deep.equal([...new Set(names)]);
    const { rows: keyrings } = await superuser.query('select 1 from keyring');
    expect(keyrings).to.have.lengthOf(1);
  });

  it('is kept in memory, and known everywhere at once', async () => {
    const { token } = await issueKey();
    expect(await whoIs(token)).to.deep.equal([200, 200, 200]);
    await becomeKnown(token);
  });

  it('is refused by the process that revokes an API key at the very next call, and soon by all', async () => {
    const { id, token } = await issueKey();
    await becomeKnown(token);
    await revoke(id);
    expect((await here({ path: '/v1/whoami', token })).status).to.equal(401);
    await untilAll('/v1/whoami', token, 401);
    expect(await whoIs(token)).to.deep.equal([401, 401, 401]);
  });

  it('is refused within a second', async () => {
    const { id, token } = await issueKey();
    await becomeKnown(token);
    await revoke(id);
    const revokedAt = performance.now();
    const letIn = async (client: NativeClient) => {
      let lastMs = 0;
      for (;;) {
        const askedAt = performance.now();
        if ((await client({ path: '/v1/whoami', token })).status === 401) return lastMs;
        lastMs = askedAt - revokedAt;
      }
    };
    // When it was asked that last let the token in.
    for (const lastMs of await Promise.all(clients.map(letIn))) expect(lastMs).to.be.below(promisedMs);
  });

  it('is refused by all when an operator revokes a key in SQL', async () => {
    const { id, token } = await issueKey();
    await becomeKnown(token);
    await superuser.query('update api_key set revoked_at = now() where id = $1', [id]);
    await untilAll('/v1/whoami', token, 401);
  });

  it('is refused by all when a user logs out', async () => {
    const { token } = await logIn('alice');
    await becomeKnown(token);
    await here({ method: 'POST', path: '/v1/logout', token });
    await untilAll('/v1/whoami', token, 401);
  });

  it('is refused by all when a user is deactivated', async () => {
    const { id, token } = await logIn('bob');
    await becomeKnown(token);
    await here({ method: 'POST', path: `/v1/users/${id}:deactivate` });
    await untilAll('/v1/whoami', token, 401);
  });

  it('grants more at all of them once a member is added, and no more once the member is removed', async () => {
    const { id, token } = await logIn('carol');
    await becomeKnown(token);
    const members = '/v1/workspaces/default/members';
    const list = '/v1/workspaces/default/credentials';
    expect(await statuses(list, token)).to.deep.equal([404, 404, 404]);
    await here({ method: 'POST', path: members, body: { member: { user_id: id, role: 'VIEWER' } } });
    await untilAll(list, token, 200);
    await here({ method: 'DELETE', path: `${members}/${id}` });
    await untilAll(list, token, 404);
  });

  it('grants less at all of them once a role is lower', async () => {
    const { id, token } = await logIn('dave');
    const members = '/v1/workspaces/default/members';
    await here({ method: 'POST', path: members, body: { member: { user_id: id, role: 'ADMIN' } } });
    const keys = '/v1/workspaces/default/apiKeys';
    await untilAll(keys, token, 200);
    await here({ method: 'DELETE', path: `${members}/${id}` });
    await here({ method: 'POST', path: members, body: { member: { user_id: id, role: 'VIEWER' } } });
    await untilAll(keys, token, 403);
  });

  it('is asked of the database while changes can not be heard of, and kept in memory again afterwards', async () => {
    const { id, token } = await issueKey();
    await becomeKnown(token);
    const before = await bypassed();
    // They soon listen again.
    do {
      await deafen();
      expect(await whoIs(token)).to.deep.equal([200, 200, 200]);
    } while ((await bypassed()).some((count, index) => count <= (before[index] ?? 0)));
    await Promise.all([deafen(), revoke(id)]);
    await untilAll('/v1/whoami', token, 401);
    const another = await issueKey();
    await becomeKnown(another.token);
    await revoke(another.id);
    await untilAll('/v1/whoami', another.token, 401);
    expect(await metric('coffer_grant_notices_up')).to.deep.equal([1, 1, 1]);
  });
});
