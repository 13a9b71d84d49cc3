import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeClient, type NativeClient } from './dialects/coffer/native-client.ts';
import { startCofferProcess, type CofferProcess } from './support/coffer-process.ts';
import { sharedPostgres } from './support/postgres.ts';

const password = 'correct horse';

describe('what proves a caller, over two processes with one database', () => {
  let folder: string;
  let processes: readonly [CofferProcess, CofferProcess];
  let here: NativeClient;
  let there: NativeClient;

  before(async () => {
    const { url } = await (await sharedPostgres()).createDatabase();
    folder = await mkdtemp(join(tmpdir(), 'coffer-revocation-'));
    const environment = {
      COFFER_DATABASE_URL: url,
      COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
      COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    };
    processes = await Promise.all([
      startCofferProcess(join(folder, 'one'), environment),
      startCofferProcess(join(folder, 'other'), environment),
    ]);
    const [one, other] = processes;
    here = nativeClient(one.origin, one.adminToken);
    there = nativeClient(other.origin, other.adminToken);
  });

  after(async () => {
    await Promise.all(processes.map((process) => process.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  /** Both ask who they are, so that either process has seen the token before it ends. */
  const whoIs = async (token: string) => {
    const replies = await Promise.all([here({ path: '/v1/whoami', token }), there({ path: '/v1/whoami', token })]);
    return replies.map(({ status }) => status);
  };

  async function logIn(name: string): Promise<{ readonly id: string; readonly token: string }> {
    const made = await here({ method: 'POST', path: '/v1/users', body: { user: { name }, password } });
    const { body } = await there({ method: 'POST', path: '/v1/login', body: { user: name, password } });
    return { id: String(made.body.user['id']), token: String(body['token']) };
  }

  it('is refused by the other process at the very next call, when an API key is revoked', async () => {
    const path = '/v1/workspaces/default/apiKeys';
    const { body } = await here({ method: 'POST', path, body: { name: 'brief', role: 'RUNTIME' } });
    const token = String(body['token']);
    expect(await whoIs(token)).to.deep.equal([200, 200]);
    await here({ method: 'POST', path: `${path}/${String(body.api_key['id'])}:revoke` });
    expect((await there({ path: '/v1/whoami', token })).status).to.equal(401);
    expect(await whoIs(token)).to.deep.equal([401, 401]);
  });

  it('is refused by the other process at the very next call, when a user logs out', async () => {
    const { token } = await logIn('alice');
    expect(await whoIs(token)).to.deep.equal([200, 200]);
    await here({ method: 'POST', path: '/v1/logout', token });
    expect((await there({ path: '/v1/whoami', token })).status).to.equal(401);
  });

  it('is refused by the other process at the very next call, when a user is deactivated', async () => {
    const { id, token } = await logIn('bob');
    expect(await whoIs(token)).to.deep.equal([200, 200]);
    await here({ method: 'POST', path: `/v1/users/${id}:deactivate` });
    expect((await there({ path: '/v1/whoami', token })).status).to.equal(401);
  });

  it('grants nothing more at the other process from the very next call on, when a member is removed', async () => {
    const { id, token } = await logIn('carol');
    const members = '/v1/workspaces/default/members';
    await here({ method: 'POST', path: members, body: { member: { user_id: id, role: 'VIEWER' } } });
    const list = { path: '/v1/workspaces/default/credentials', token };
    expect((await there(list)).status).to.equal(200);
    await here({ method: 'DELETE', path: `${members}/${id}` });
    expect((await there(list)).status).to.equal(404);
  });
});
