import { MikroORM } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import { entities } from '../../src/store/entities/index.ts';
import { EntityStatements } from '../../src/store/postgres/statements/entity-query.ts';
import { tenantTables } from '../../src/store/entities/tenant-tables.ts';
import { CredentialVersionEntity } from '../../src/store/entities/credential.ts';
import { newWorkspace, openTestStores, type TestStores } from './fixtures.ts';

describe('the schema', () => {
  let test: TestStores;
  let orm: MikroORM;
  const statements: string[] = [];

  before(async () => {
    test = await openTestStores();
    orm = await MikroORM.init({
      ...test.target.connection,
      dbName: test.target.connection.database,
      contextName: 'schema test',
      entities,
      // Triggers are written by hand: entities could only have functions of their own each. So are other functions.
      schemaGenerator: { skipTables: ['schema_migration'], ignoreTriggers: true, ignoreRoutines: true },
      debug: ['query'],
      logger: (message) => statements.push(message),
    });
  });

  after(async () => {
    await orm.close();
    await test.close();
  });

  it('is after all migrations what the entities define', async () => {
    expect(await orm.schema.getUpdateSchemaSQL({ wrap: false })).to.equal('');
  });

  it('holds no table that the entities do not know, but the list of migrations', async () => {
    const rows = await test.asSuperuser<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public'`,
    );
    const known = [...entities.map((entity) => entity.meta.tableName), 'schema_migration'];
    expect(rows.map(({ name }) => name)).to.have.members(known);
  });

  it('begins every key and unique index of a tenant table with the workspace', async () => {
    const rows = await test.asSuperuser<{ table: string; column: string }>(`
      select c.relname as table, a.attname as column
      from pg_index i join pg_class c on c.oid = i.indrelid
      join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
      where i.indisunique and c.relname = any (array['${tenantTables.join("', '")}'])`);
    expect(rows.length).to.be.greaterThan(4);
    expect(rows.filter(({ column }) => column !== 'workspace_id')).to.deep.equal([]);
  });

  it('has row-level security on all tenant tables, also for their owner, and on no other', async () => {
    const rows = await test.asSuperuser<{ name: string; isForced: boolean }>(`
      select relname as name, relforcerowsecurity as "isForced" from pg_class where relrowsecurity`);
    expect(rows.map(({ name }) => name)).to.have.members(tenantTables);
    expect(rows.every(({ isForced }) => isForced)).to.equal(true);
  });

  it('derives short ids as the vault does', async () => {
    const { id, name, createdBy, createdAt } = newWorkspace({ id: '018f3c5e-7b2a-7c3d-8f00-11223344aabb' });
    await test.asSuperuser('insert into workspace (id, name, created_by, created_at) values ($1, $2, $3, $4)', [
      id,
      name,
      createdBy,
      createdAt,
    ]);
    const [row] = await test.asSuperuser<{ short_id: string }>('select short_id from workspace');
    expect(row?.short_id).to.equal('8F0011223344AABB');
  });

  it('does not load ciphertext unless it is asked for by name', async () => {
    await orm.em.fork().find(CredentialVersionEntity, {});
    const byTheOrm = statements.find((text) => text.includes('from "credential_version"'));
    const { text } = new EntityStatements(orm.em.fork()).select(CredentialVersionEntity, { where: {} });
    for (const statement of [byTheOrm, text]) {
      expect(statement)
        .to.include('key_id')
        .and.not.match(/sealed|\*/);
    }
  });
});
