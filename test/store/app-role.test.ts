import { expect } from 'chai';
import { DatabaseFailure } from '../../src/store/database-failure.ts';
import { openTestStores, rejectionOf, type TestStores } from './fixtures.ts';

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
    'select * from schema_migration',
    'update audit_event set actor_name = actor_name',
    'delete from audit_event',
    'truncate audit_event',
    'delete from credential',
    'delete from credential_version',
    `update credential_version set sealed = '\\x00'`,
    `update workspace_key set wrapped = '\\x00'`,
    `update keyring set canary = '\\x00'`,
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
