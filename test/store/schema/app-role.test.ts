import { expect } from 'chai';
import { DatabaseFailure } from '../../../src/store/postgres/connect/database-failure.ts';
import { openDatabase, type Database } from '../../../src/store/postgres/database.ts';
import { withMigratedDatabase } from '../../../src/store/schema/migrate.ts';
import { openTestStores, recordingLog, until, withOwnPostgres, type TestStores } from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

describe('the role of the server', () => {
  let test: TestStores;

  before(async () => {
    test = await openTestStores();
  });

  after(async () => {
    await test.close();
  });

  it('owns nothing and can not log in', async () => {
    const roles = await test.asSuperuser(`
      select rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,
        (select count(*)::int from pg_class where relowner = pg_roles.oid) as owned
      from pg_roles where rolname = 'coffer_app'`);
    expect(roles).to.deep.equal([
      {
        rolcanlogin: false,
        rolsuper: false,
        rolbypassrls: false,
        rolcreaterole: false,
        rolcreatedb: false,
        owned: 0,
      },
    ]);
  });

  for (const statement of [
    'delete from schema_migration',
    'update audit_event set actor_name = actor_name',
    'delete from audit_event',
    'truncate audit_event',
    `update credential_version set sealed = '\\x00'`,
    'update workspace_key set key_id = key_id',
    'truncate credential',
    `update workspace set name = 'other'`,
    'update keyring set instance_id = instance_id',
    'delete from keyring',
    'update membership set may_reveal = true',
    'delete from "user"',
    'alter table credential disable row level security',
    'drop policy own_workspaces on credential',
    'create table own (id int)',
  ]) {
    it(`does not let the server run: ${statement}`, async () => {
      const refused = await rejectionOf(test.database.query({ name: '', text: statement, values: [] }));
      expect(refused).to.be.instanceOf(DatabaseFailure).with.property('sqlState', '42501');
    });
  }
});

describe('the role of the server, where the cluster is its own', () => {
  it('is not left by resetting it, and reads no file', async () => {
    await withLoggedInRole(async (database) => {
      await database.transact({}, async (transaction) => {
        await transaction.run({ name: '', text: 'reset role', values: [] });
        await transaction.run({ name: '', text: 'reset session authorization', values: [] });
        const who = `select session_user || ' ' || current_user as answer`;
        expect(await transaction.run({ name: '', text: who, values: [] })).to.deep.equal([
          { answer: 'coffer_app coffer_app' },
        ]);
      });
      for (const text of [
        'set role coffer',
        'set session authorization coffer',
        `select pg_read_file('PG_VERSION')`,
        `copy audit_event to '/tmp/never'`,
        `select lo_import('PG_VERSION')`,
        'alter role coffer_app superuser',
      ]) {
        const refused = await rejectionOf(run(database, text));
        expect(refused, text).to.be.instanceOf(DatabaseFailure).with.property('sqlState', '42501');
      }
    });
  });

  it('still cancels what its own sessions run', async () => {
    await withLoggedInRole(async (database) => {
      const controller = new AbortController();
      const sleeping = rejectionOf(
        database.query({ name: '', text: 'select pg_sleep(60)', values: [] }, controller.signal),
      );
      const sleepers = `select count(*)::int as answer from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'`;
      await until(async () => (await run(database, sleepers))[0]?.answer === 1);
      controller.abort();
      expect(await sleeping).to.have.property('code', 'canceled');
      await until(async () => (await run(database, sleepers))[0]?.answer === 0);
    });
  });
});

// Roles belong to the whole cluster: one that may log in must not be that of the other tests.
async function withLoggedInRole(work: (database: Database) => Promise<void>): Promise<void> {
  await withOwnPostgres(async (connection) => {
    const log = recordingLog();
    const options = { connection, log, roleLogsIn: true };
    // Twice, since the role is there already at the second start.
    await withMigratedDatabase(options, () => Promise.resolve());
    await withMigratedDatabase(options, async (migrated) => {
      const database = await openDatabase({ ...migrated, poolMax: 2, log });
      try {
        await work(database);
      } finally {
        await database.close();
      }
    });
  });
}

function run(database: Database, text: string) {
  return database.query<{ readonly answer: unknown }>({ name: '', text, values: [] });
}
