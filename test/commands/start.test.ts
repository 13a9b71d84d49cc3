import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { attachEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { productVersion } from '../../src/start/product-version.ts';
import { runCoffer, startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';
import { sharedPostgres } from '../support/postgres.ts';

describe('coffer start', () => {
  let dataDir: string;
  let coffer: CofferProcess | undefined;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-start-'));
  });

  afterEach(async () => {
    await coffer?.stop();
    coffer = undefined;
    await rm(dataDir, { recursive: true, force: true });
  });

  it('makes both keys for their owner only, prints the path of the admin key, and never a key', async () => {
    coffer = await startCofferProcess(dataDir);
    const masterKey = (await readFile(join(dataDir, 'master.key'), 'utf8')).trim();
    expect(coffer.output()).to.include(`the admin API key is in ${join(dataDir, 'admin.key')}\n`);
    const [first = ''] = coffer.output().split('\n');
    expect(JSON.parse(first)).to.include({ msg: 'starting', tls: false, clientCertificates: false, issuer: null });
    expect(JSON.parse(first)).to.include({ version: productVersion(), database: 'embedded' });
    expect(coffer.output()).not.to.include(coffer.adminToken).and.not.to.include(masterKey);
    for (const name of ['master.key', 'admin.key']) {
      expect((await stat(join(dataDir, name))).mode & 0o777, name).to.equal(0o600);
    }
    expect(await coffer.stop()).to.equal(0);
  });

  it('leaves aside what Kubernetes injects for a Service of its name, with a line in the log', async () => {
    const injected = { COFFER_SERVICE_HOST: '10.0.0.11', COFFER_MANAGEMENT_SERVICE_HOST: '10.0.0.12' };
    const port = { COFFER_MANAGEMENT_PORT: 'tcp://10.0.0.12:9090' };
    coffer = await startCofferProcess(dataDir, { ...injected, ...port });
    expect(coffer.output()).to.include(`"variables":${JSON.stringify(Object.keys({ ...injected, ...port }))}`);
    expect(coffer.output()).not.to.include('10.0.0.1');
  });

  it('finds everything again at the second start, and makes no other key', async () => {
    coffer = await startCofferProcess(dataDir);
    const id = await store(coffer, 'sk-first');
    const masterKey = await readFile(join(dataDir, 'master.key'), 'utf8');
    await coffer.stop();
    coffer = await startCofferProcess(dataDir);
    expect(await reveal(coffer, id)).to.deep.equal({ key: 'sk-first' });
    expect(coffer.output()).to.include(`the admin API key is in ${join(dataDir, 'admin.key')}\n`);
    expect(await readFile(join(dataDir, 'master.key'), 'utf8')).to.equal(masterKey);
  });

  it('refuses another master key by naming both fingerprints, and reports a missing key', async () => {
    coffer = await startCofferProcess(dataDir);
    await coffer.stop();
    coffer = undefined;
    const environment = { COFFER_DATA_DIR: dataDir, COFFER_PORT: '0', COFFER_LOG_LEVEL: 'silent' };
    const otherKey = await runCoffer([], { ...environment, COFFER_MASTER_KEY: randomBytes(32).toString('base64') });
    expect(otherKey).to.have.property('exitCode', 1);
    expect(otherKey.output).to.match(
      /^coffer: COFFER_MASTER_KEY is not the master key of this vault: it needs key [0-9a-f]{16}; got [0-9a-f]{16}\. Give the key /,
    );
    const password = await runCoffer([], { ...environment, COFFER_MASTER_PASSWORD: 'correct horse battery staple' });
    expect(password.output).to.match(
      /COFFER_MASTER_PASSWORD is .*needs key [0-9a-f]{16}, given as 32 bytes; got one, derived from a password/,
    );
    await rename(join(dataDir, 'master.key'), join(dataDir, 'elsewhere.key'));
    const missing = await runCoffer([], environment);
    expect(missing.exitCode).to.equal(1);
    expect(missing.output).to.match(/master\.key is missing; the data need .* fingerprint [0-9a-f]{16}/);
    await rename(join(dataDir, 'elsewhere.key'), join(dataDir, 'master.key'));
    coffer = await startCofferProcess(dataDir);
  });

  it('refuses to begin anew where the database that the data directory had is gone', async () => {
    coffer = await startCofferProcess(dataDir);
    await coffer.stop();
    coffer = undefined;
    await rename(join(dataDir, 'postgres'), join(dataDir, 'postgres.elsewhere'));
    const environment = { COFFER_DATA_DIR: dataDir, COFFER_PORT: '0', COFFER_LOG_LEVEL: 'silent' };
    for (const name of ['postgres.instance', 'master.key']) {
      const refused = await runCoffer([], environment);
      expect(refused.exitCode).to.equal(1);
      expect(refused.output).to.equal(
        `coffer: ${join(dataDir, name)} is there, but postgres/ beside it is missing: restore it from a backup, ` +
          'or move this file away to begin a new vault (a key of your own is given as COFFER_MASTER_KEY)\n',
      );
      await rename(join(dataDir, name), join(dataDir, `${name}.elsewhere`));
    }
    expect(await readdir(dataDir)).not.to.include('postgres');
    for (const name of ['postgres.instance', 'master.key']) {
      await rename(join(dataDir, `${name}.elsewhere`), join(dataDir, name));
    }
    await rename(join(dataDir, 'postgres.elsewhere'), join(dataDir, 'postgres'));
    coffer = await startCofferProcess(dataDir);
  });

  it('derives the master key from a password, and refuses another password', async () => {
    const password = { COFFER_MASTER_PASSWORD: 'correct horse battery staple' };
    coffer = await startCofferProcess(dataDir, password);
    const id = await store(coffer, 'sk-under-a-password');
    await coffer.stop();
    coffer = undefined;
    const environment = { COFFER_DATA_DIR: dataDir, COFFER_PORT: '0', COFFER_LOG_LEVEL: 'silent' };
    const wrong = await runCoffer([], { ...environment, COFFER_MASTER_PASSWORD: 'incorrect horse battery staple' });
    expect(wrong.output).to.match(/^coffer: COFFER_MASTER_PASSWORD is .* needs key [0-9a-f]{16}; got [0-9a-f]{16}\. /);
    coffer = await startCofferProcess(dataDir, password);
    expect(await reveal(coffer, id)).to.deep.equal({ key: 'sk-under-a-password' });
  });

  it('refuses a data directory that another Coffer is using', async () => {
    coffer = await startCofferProcess(dataDir);
    const second = await runCoffer([], { COFFER_DATA_DIR: dataDir, COFFER_PORT: '0', COFFER_LOG_LEVEL: 'silent' });
    expect(second.exitCode).to.equal(1);
    expect(second.output)
      .to.match(/^coffer: .*another Coffer/i)
      .and.to.include(dataDir);
    expect(await reveal(coffer, await store(coffer, 'sk'))).to.deep.equal({ key: 'sk' });
  });

  it('reports that its port is taken', async () => {
    coffer = await startCofferProcess(dataDir);
    const other = await mkdtemp(join(tmpdir(), 'coffer-start-'));
    const { port } = new URL(coffer.origin);
    const second = await runCoffer([], { COFFER_DATA_DIR: other, COFFER_PORT: port, COFFER_LOG_LEVEL: 'silent' });
    await rm(other, { recursive: true });
    expect(second.exitCode).to.equal(1);
    expect(second.output).to.equal(
      `coffer: COFFER_HOST and COFFER_PORT: cannot listen on 127.0.0.1:${port}, the port is in use\n`,
    );
  });

  it('reports every problem of the configuration at once, with exit code 1', async () => {
    const refused = await runCoffer([], { COFFER_PORT: 'x', COFFER_LOG_LEVEL: 'y', COFFER_NONSENSE: 'z' });
    expect(refused.exitCode).to.equal(1);
    for (const name of ['COFFER_PORT', 'COFFER_LOG_LEVEL', 'COFFER_NONSENSE']) expect(refused.output).to.include(name);
  });

  it('prints its usage for a command that it does not know', async () => {
    const unknown = await runCoffer(['explode']);
    expect(unknown.exitCode).to.equal(2);
    expect(unknown.output).to.match(/^coffer: there is no command explode\n\nusage: coffer/);
  });

  it('lets three processes start on one empty database at once, which agree on keys and owner', async () => {
    const { url } = await (await sharedPostgres()).createDatabase();
    const environment = {
      COFFER_DATABASE_URL: url,
      COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
      COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    };
    const all = await Promise.all([1, 2, 3].map(() => startCofferProcess(dataDir, environment)));
    const [first, ...others] = all;
    if (!first) throw new Error('none started');
    const id = await store(first, 'sk-shared');
    for (const other of others) expect(await reveal(other, id)).to.deep.equal({ key: 'sk-shared' });
    expect(await Promise.all(all.map((one) => one.stop()))).to.deep.equal([0, 0, 0]);
  });

  it('wants an admin key for a server that has no owner yet', async () => {
    const { url } = await (await sharedPostgres()).createDatabase();
    const masterKey = randomBytes(32).toString('base64');
    const refused = await runCoffer([], {
      COFFER_DATABASE_URL: url,
      COFFER_MASTER_KEY: masterKey,
      COFFER_LOG_LEVEL: 'silent',
    });
    expect(refused.exitCode).to.equal(1);
    expect(refused.output).to.include('COFFER_ADMIN_API_KEY must be given');
  });

  it('explains in a sentence what is wrong with a database that it cannot use', async () => {
    const { url } = await (await sharedPostgres()).createDatabase();
    const keys = { COFFER_MASTER_KEY: randomBytes(32).toString('base64'), COFFER_LOG_LEVEL: 'silent' };
    const missing = await runCoffer([], { ...keys, COFFER_DATABASE_URL: `${url}_of_another_name` });
    expect(missing.output).to.equal('coffer: the database that COFFER_DATABASE_URL names does not exist\n');
    const away = await runCoffer([], {
      ...keys,
      COFFER_DATABASE_URL: 'postgres://coffer@127.0.0.1:1/coffer',
      COFFER_DATABASE_WAIT_MS: '0',
    });
    expect(away.output).to.equal('coffer: the database at 127.0.0.1:1 is not available (ECONNREFUSED)\n');
    expect([missing.exitCode, away.exitCode]).to.deep.equal([1, 1]);
  });

  it('stops gracefully when a supervisor stops npm', async () => {
    const npm = spawn('npm', ['start', '--silent'], {
      cwd: resolve(import.meta.dirname, '../..'),
      env: { PATH: process.env['PATH'], HOME: tmpdir(), COFFER_DATA_DIR: dataDir, COFFER_PORT: '0' },
    });
    const output: string[] = [];
    npm.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    npm.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    while (!output.join('').includes('listening on ')) {
      await Promise.race([
        once(npm.stdout, 'data'),
        once(npm, 'exit').then(() => Promise.reject(new Error(output.join('')))),
      ]);
    }
    const closed = once(npm, 'close');
    npm.kill('SIGTERM');
    await closed;
    expect(output.join('')).to.include('"msg":"stopped"');
    expect(await attachEmbeddedPostgres(dataDir)).to.equal(undefined);
  });

  it('lets a call in flight finish after SIGTERM, while it takes no new one', async () => {
    coffer = await startCofferProcess(dataDir);
    const { hostname, port } = new URL(coffer.origin);
    const body = JSON.stringify({ credential: { name: 'late', provider: 'p' }, secret: { key: 'sk-late' } });
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const head = [
      'POST /v1/workspaces/default/credentials HTTP/1.1',
      `host: ${hostname}`,
      `authorization: Bearer ${coffer.adminToken}`,
      'content-type: application/json',
      'expect: 100-continue',
      `content-length: ${body.length}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    await once(socket, 'data');
    const stopped = coffer.stop();
    await refusal(Number(port), hostname);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(body);
    await once(socket, 'close');
    expect(Buffer.concat(chunks).toString()).to.match(/^HTTP\/1\.1 200 /);
    expect(await stopped).to.equal(0);
  });

  it('works in sessions that began as a role which owns nothing, and can become no other', async () => {
    coffer = await startCofferProcess(dataDir);
    await store(coffer, 'sk-of-a-role');
    const superuser = await attachEmbeddedPostgres(dataDir);
    const client = new Client(superuser);
    await client.connect();
    const { rows } = await client.query(
      `select distinct usename from pg_stat_activity where application_name = 'coffer' and pid <> pg_backend_pid()`,
    );
    await client.end();
    expect(rows).to.deep.equal([{ usename: 'coffer_app' }]);
  });

  it('answers again by itself after its PostgreSQL was killed', async () => {
    coffer = await startCofferProcess(dataDir);
    const running = coffer;
    const id = await store(running, 'sk-survivor');
    const [pid] = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    const revealed = await untilAnswered(() => revealOrTrouble(running, id));
    expect(revealed).to.deep.equal({ key: 'sk-survivor' });
  });
});

async function store(coffer: CofferProcess, key: string): Promise<string> {
  const body = { credential: { name: 'primary', provider: 'openai' }, secret: { key } };
  const response = await call(coffer, '/v1/workspaces/default/credentials', body);
  return String(member(member(await response.json(), 'credential'), 'id'));
}

async function reveal(coffer: CofferProcess, id: string): Promise<unknown> {
  const response = await call(coffer, `/v1/workspaces/default/credentials/${id}:reveal`, {});
  return member(await response.json(), 'secret');
}

/** Undefined while the database is away; any other refusal fails the test. */
async function revealOrTrouble(coffer: CofferProcess, id: string): Promise<unknown> {
  const response = await call(coffer, `/v1/workspaces/default/credentials/${id}:reveal`, {});
  if (response.status === 200) return member(await response.json(), 'secret');
  expect(response.status).to.equal(503);
  expect(member(await response.json(), 'code')).to.equal('unavailable');
  return undefined;
}

function call(coffer: CofferProcess, path: string, body: object): Promise<Response> {
  const headers = { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json' };
  return fetch(coffer.origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !(name in value)) throw new Error(`the answer has no ${name}`);
  return Reflect.get(value, name);
}

/** Resolves once the port takes no connection any more. */
async function refusal(port: number, host: string): Promise<void> {
  for (;;) {
    const socket = connect(port, host);
    const outcome = await new Promise<string>((settle) => {
      socket.once('connect', () => settle('connected'));
      socket.once('error', () => settle('refused'));
    });
    socket.destroy();
    if (outcome === 'refused') return;
  }
}

async function untilAnswered<Answer>(ask: () => Promise<Answer | undefined>): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await delay(20);
  }
}
