import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { chooseAccount } from '../../src/embedded/account.ts';
import { explainError } from '../../src/start/explain-error.ts';
import { startCoffer } from '../support/coffer.ts';
import { requireProgram } from '../support/optional-program.ts';
import { freePort } from '../support/postgres-server.ts';
import { sharedPostgres, type TestDatabase } from '../support/postgres.ts';
import { rejectionOf } from '../support/refusals.ts';

const program = '/usr/sbin/pgbouncer';
const credentials = '/v1/workspaces/default/credentials';

describe('a Coffer whose database is reached through pgbouncer', () => {
  let database: TestDatabase;
  let folder: string;
  const running = new Set<ChildProcess>();

  before(function () {
    requireProgram(this, program);
  });

  beforeEach(async () => {
    database = await (await sharedPostgres()).createDatabase();
    folder = await mkdtemp(join(tmpdir(), 'coffer-pgbouncer-'));
    await chmod(folder, 0o755);
  });

  afterEach(async () => {
    for (const child of running) {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }
    await rm(folder, { recursive: true, force: true });
  });

  it('serves through a pool of whole sessions, without any setting of the pooler for its sake', async () => {
    const coffer = await startCoffer({ database: { ...database, url: await pool('session') } });
    try {
      const made = await coffer.native('POST', credentials, {
        credential: { name: 'by a pooler', provider: 'p' },
        secret: { key: 'x' },
      });
      expect(made).to.have.property('credential');
      expect((await fetch(`${coffer.origin}/readyz`)).status).to.equal(200);
      expect(await coffer.native('POST', '/v1/auditTrail:verify', {})).to.have.property('intact', true);
      const metrics = await fetch(`${coffer.origin}/metrics`, {
        headers: { authorization: `Bearer ${coffer.adminToken}` },
      });
      expect(await metrics.text()).to.match(/^coffer_grant_notices_up 1$/m);
    } finally {
      await coffer.stop();
    }
  });

  for (const mode of ['transaction', 'statement']) {
    for (const order of ['server_round_robin = 0', 'server_round_robin = 1']) {
      it(`does not start through a pool of ${mode}s, and leaves no lock behind (${order})`, async () => {
        const url = await pool(mode, order);
        const error = await rejectionOf(startCoffer({ database: { ...database, url } }));
        expect(explainError(error)).to.match(/^a pooler stands before the database[^\n]*pool_mode=session[^\n]*$/);
        expect(await locks()).to.equal(0);
      });
    }
  }

  /** Starts a pooler before the database, and answers the URL through it. */
  async function pool(mode: string, ...lines: readonly string[]): Promise<string> {
    const { database: name, host, port, user } = database.connection;
    const ownPort = await freePort();
    const settings = [
      '[databases]',
      `${name} = host=${host} port=${port} user=${user}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${ownPort}`,
      'unix_socket_dir =',
      'auth_type = any',
      `pool_mode = ${mode}`,
      ...lines,
    ];
    const file = join(folder, 'pgbouncer.ini');
    await writeFile(file, `${settings.join('\n')}\n`);
    const account = await chooseAccount(undefined);
    const child = spawn(program, [file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    running.add(child);
    child.once('close', () => running.delete(child));
    const { promise: listening, reject, resolve } = Promise.withResolvers<void>();
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('process up')) resolve();
    });
    child.once('close', () => reject(new Error(output)));
    await listening;
    return `postgres://${user}@127.0.0.1:${ownPort}/${name}`;
  }

  async function locks(): Promise<number> {
    const client = new Client(database.connection);
    await client.connect();
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::int as count from pg_locks
       where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
    );
    await client.end();
    return rows[0]?.count ?? 0;
  }
});
