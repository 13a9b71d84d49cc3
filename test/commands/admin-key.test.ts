import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { attachEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { runCoffer, startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';
import { parseObject, textOf } from '../support/json.ts';

describe('coffer admin-key', () => {
  let dataDir: string;
  let coffer: CofferProcess | undefined;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-admin-'));
    coffer = await startCofferProcess(dataDir);
  });

  afterEach(async () => {
    await coffer?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  for (const isRunning of [true, false]) {
    it(`replaces a lost key ${isRunning ? 'beside a running server' : 'while no server is running'}`, async () => {
      const oldToken = started().adminToken;
      if (!isRunning) await started().stop();
      await rm(join(dataDir, 'admin.key'));
      const { exitCode, output } = await runCoffer(['admin-key'], { COFFER_DATA_DIR: dataDir });
      const newToken = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
      const instanceId = (await readFile(join(dataDir, 'postgres.instance'), 'utf8')).trim();
      const file = join(dataDir, 'admin.key');
      expect(output).to.equal(
        `the new admin API key of instance ${instanceId} is in ${file}; the old one is revoked\n`,
      );
      expect(exitCode).to.equal(0);
      if (!isRunning) coffer = await startCofferProcess(dataDir);
      expect((await whoAmI(newToken)).status).to.equal(200);
      expect((await whoAmI(oldToken)).status).to.equal(401);
    });
  }

  it('locks out the holder of the old key: sessions are revoked, the password is withdrawn, and all of it is in the trail', async () => {
    const thief = 'the password of a thief';
    expect(await post('/api/auth/setup', { password: thief, confirm: thief }, started().adminToken)).to.equal(200);
    const session = textOf(parseObject((await send('/api/auth/login', { password: thief })).text), 'token');
    expect((await whoAmI(session)).status).to.equal(200);
    await runCoffer(['admin-key'], { COFFER_DATA_DIR: dataDir });
    expect((await whoAmI(session)).status).to.equal(401);
    expect(await post('/api/auth/login', { password: thief })).to.equal(401);
    // Without a token this is the set-up from the machine itself.
    const owners = 'the password of the owner';
    expect(await post('/api/auth/setup', { password: owners, confirm: owners })).to.equal(409);
    const newToken = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
    expect(await post('/api/auth/setup', { password: owners, confirm: owners }, newToken)).to.equal(200);
    expect(await post('/api/auth/login', { password: owners })).to.equal(200);
    const endings = ['api_keys.revoke', 'sessions.logout', 'users.withdraw_password'];
    const events = await query(
      `select action, count(*)::int from audit_event where actor_kind = 'system' and action like any ($1) group by action order by 1`,
      [endings],
    );
    expect(events).to.deep.equal(endings.map((action) => ({ action, count: 1 })));
  });

  it('refuses to work with another master key, and changes nothing', async () => {
    await writeFile(join(dataDir, 'master.key'), `${randomBytes(32).toString('base64')}\n`);
    const { exitCode, output } = await runCoffer(['admin-key'], { COFFER_DATA_DIR: dataDir });
    expect(exitCode).to.equal(1);
    expect(output).to.match(/^coffer: \S+\/master\.key is not the master key of this vault: it needs key [0-9a-f]{16}/);
    expect((await whoAmI(started().adminToken)).status).to.equal(200);
    expect((await readFile(join(dataDir, 'admin.key'), 'utf8')).trim()).to.equal(started().adminToken);
  });

  it('leaves an event in the trail', async () => {
    await runCoffer(['admin-key'], { COFFER_DATA_DIR: dataDir });
    const rows = await query("select action, actor_kind from audit_event where action = 'api_keys.create'");
    expect(rows).to.deep.equal([{ action: 'api_keys.create', actor_kind: 'system' }]);
  });

  function started(): CofferProcess {
    if (!coffer) throw new Error('it is not running');
    return coffer;
  }

  async function query(text: string, values: unknown[] = []): Promise<unknown[]> {
    const client = new Client(await attachEmbeddedPostgres(dataDir));
    await client.connect();
    const { rows } = await client.query(text, values);
    await client.end();
    return rows;
  }

  /** Answers the status. */
  async function post(path: string, body: object, token?: string): Promise<number> {
    return (await send(path, body, token)).status;
  }

  async function send(path: string, body: object, token?: string) {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(started().origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, text: await response.text() };
  }

  function whoAmI(token: string): Promise<Response> {
    return fetch(`${started().origin}/v1/whoami`, { headers: { authorization: `Bearer ${token}` } });
  }
});
