import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Environment } from '../../src/config/config.ts';
import { runCoffer, startCofferProcess } from '../support/coffer-process.ts';
import { sharedPostgres } from '../support/postgres.ts';

const token = (): string => `cof_${randomBytes(32).toString('base64url')}`;
const masterKey = (): string => randomBytes(32).toString('base64');

describe('starting on an external database', () => {
  let folder: string;
  let superuser: Client;
  let url: string;
  let database: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-external-start-'));
    const created = await (await sharedPostgres()).createDatabase();
    ({ url } = created);
    superuser = new Client(created.connection);
    await superuser.connect();
    database = superuser.database ?? '';
  });

  afterEach(async () => {
    await superuser.end();
    await rm(folder, { recursive: true, force: true });
  });

  const settings = (more: Environment = {}): Environment => ({
    COFFER_DATA_DIR: folder,
    COFFER_PORT: '0',
    COFFER_DATABASE_URL: url,
    COFFER_MASTER_KEY: masterKey(),
    COFFER_LOG_LEVEL: 'error',
    ...more,
  });

  const tables = async (): Promise<unknown[]> =>
    (await superuser.query(`select relname from pg_class where relnamespace = 'public'::regnamespace`)).rows;

  /** Answers the URL of a user with a role of its own. */
  async function addUser(name: string): Promise<string> {
    await superuser.query(`create role ${name} login`);
    const { username } = new URL(url);
    return url.replace(`//${username}@`, `//${name}@`);
  }

  it('changes nothing where the admin key is missing', async () => {
    const { exitCode, output } = await runCoffer([], settings());
    expect(output).to.match(
      /^coffer: COFFER_ADMIN_API_KEY must be given, since this database has no owner yet; .* admin-key --new makes one$/m,
    );
    expect(exitCode).to.equal(1);
    expect(await tables()).to.deep.equal([]);
  });

  it('changes nothing where the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { output } = await runCoffer([], settings({ COFFER_ADMIN_API_KEY: token(), COFFER_PORT: String(port) }));
    other.close();
    expect(output).to.match(/^coffer: COFFER_HOST and COFFER_PORT: .* the port is in use$/m);
    expect(await tables()).to.deep.equal([]);
  });

  it('migrates nothing where the master key is another', async () => {
    const environment = settings({ COFFER_ADMIN_API_KEY: token() });
    await (await startCofferProcess(folder, environment)).stop();
    await superuser.query(`delete from schema_migration where name = '001-initial'`);
    const { output } = await runCoffer([], { ...environment, COFFER_MASTER_KEY: masterKey() });
    expect(output).to.match(
      /coffer: COFFER_MASTER_KEY is not the master key of this vault: it needs key [0-9a-f]{16}; /,
    );
    const { rowCount } = await superuser.query(`select from schema_migration where name = '001-initial'`);
    expect(rowCount).to.equal(0);
  });

  it('refuses a database from before the chained trail, before it deletes its events', async () => {
    const environment = settings({ COFFER_ADMIN_API_KEY: token() });
    await (await startCofferProcess(folder, environment)).stop();
    await superuser.query(`delete from schema_migration where name >= '005'`);
    const { rows: before } = await superuser.query('select count(*) from audit_event');
    const { exitCode, output } = await runCoffer([], environment);
    expect(exitCode).to.equal(1);
    expect(output).to.match(
      /coffer: the database was written by a build from before release 0\.1\.0, .* nothing was changed/,
    );
    expect((await superuser.query('select count(*) from audit_event')).rows).to.deep.equal(before);
  });

  it('warns of a superuser', async () => {
    const coffer = await startCofferProcess(
      folder,
      settings({ COFFER_ADMIN_API_KEY: token(), COFFER_LOG_LEVEL: 'warn' }),
    );
    await coffer.stop();
    expect(coffer.output()).to.include('the user of COFFER_DATABASE_URL is a superuser');
  });

  it('is migrated and pruned by a user that owns the tables, and served by one that is only a member of the role', async () => {
    const [owner, serving] = await Promise.all([addUser(`${database}_owner`), addUser(`${database}_serving`)]);
    await superuser.query(`grant all on schema public to ${database}_owner`);
    await superuser.query(
      `do $$ begin create role coffer_app nologin; exception when duplicate_object then null; end $$`,
    );
    await superuser.query(`grant coffer_app to ${database}_owner, ${database}_serving`);
    const key = token();
    const environment = settings({ COFFER_DATABASE_URL: serving, COFFER_ADMIN_API_KEY: key });
    const early = await runCoffer([], environment);
    expect(early.exitCode, early.output).to.equal(1);
    expect(early.output).to.match(/^coffer: the user of the database lacks a right .* COFFER_MIGRATE_DATABASE_URL /m);
    const migrated = await runCoffer(['migrate'], { ...environment, COFFER_MIGRATE_DATABASE_URL: owner });
    expect(migrated.output).to.match(new RegExp(`the database ${database} has the schema of this release\\n$`));
    expect(migrated.exitCode).to.equal(0);
    const coffer = await startCofferProcess(folder, environment);
    // An event after the first, since the last one of a stream is not pruned.
    const answer = await fetch(`${coffer.origin}/v1/workspaces`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ workspace: { name: 'production' } }),
    });
    expect(answer.status).to.equal(200);
    const { rows } = await superuser.query(
      `select distinct usename from pg_stat_activity where datname = $1 and application_name = 'coffer'`,
      [database],
    );
    expect(rows).to.deep.equal([{ usename: `${database}_serving` }]);
    expect(await coffer.stop()).to.equal(0);
    const again = await runCoffer(['migrate'], { ...environment, COFFER_MIGRATE_DATABASE_URL: owner });
    expect(again.exitCode, again.output).to.equal(0);
    const prune = ['audit-prune', '--before', new Date().toISOString()];
    const refused = await runCoffer(prune, environment);
    expect(refused.output).to.match(/^coffer: the user of the database lacks a right .* COFFER_MIGRATE_DATABASE_URL /m);
    expect(refused.exitCode).to.equal(1);
    const pruned = await runCoffer(prune, { ...environment, COFFER_MIGRATE_DATABASE_URL: owner });
    expect(pruned.output).to.match(/^[1-9]\d* events before /m);
    expect(pruned.exitCode).to.equal(0);
  });

  it('names what to grant to a user that is neither owner nor member', async () => {
    await (await startCofferProcess(folder, settings({ COFFER_ADMIN_API_KEY: token() }))).stop();
    const stranger = await addUser(`${database}_stranger`);
    const { exitCode, output } = await runCoffer([], settings({ COFFER_DATABASE_URL: stranger }));
    expect(output).to.match(/^coffer: the user of COFFER_DATABASE_URL neither owns .* member of coffer_app: grant /m);
    expect(exitCode).to.equal(1);
  });

  it('waits for a database that is not there yet, naming its host and port', async () => {
    const absent = settings({ COFFER_DATABASE_URL: 'postgres://coffer@127.0.0.1:1/coffer' });
    const gaveUp = await runCoffer([], { ...absent, COFFER_DATABASE_WAIT_MS: '700', COFFER_LOG_LEVEL: 'warn' });
    expect(gaveUp.output).to.match(
      /"database":"127\.0\.0\.1:1","reason":"ECONNREFUSED","msg":"waiting for the database"/,
    );
    expect(gaveUp.output).to.include(
      'coffer: the database at 127.0.0.1:1 is not available for 700 ms (ECONNREFUSED)\n',
    );
    expect(gaveUp.exitCode).to.equal(1);
  });
});
