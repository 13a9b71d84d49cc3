import { MikroORM } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import { Client } from 'pg';
import { sharedPostgres } from './postgres.ts';

describe('the shared PostgreSQL of the tests', () => {
  it('gives each caller a separate, empty database', async () => {
    const postgres = await sharedPostgres();
    const [one, other] = await Promise.all([postgres.createDatabase(), postgres.createDatabase()]);
    const session = new Client(one.connection);
    await session.connect();
    await session.query('create table only_here ()');
    await session.end();
    const elsewhere = new Client(other.connection);
    await elsewhere.connect();
    const { rows } = await elsewhere.query("select to_regclass('only_here') as found");
    await elsewhere.end();
    expect(rows).to.deep.equal([{ found: null }]);
  });

  it('is the same server each time it is asked for', async () => {
    expect((await sharedPostgres()).connection).to.deep.equal((await sharedPostgres()).connection);
  });

  it('is reached by its URL with pg', async () => {
    const { url } = await (await sharedPostgres()).createDatabase('by_url');
    const session = new Client(url);
    await session.connect();
    const { rows } = await session.query('select current_database() as name, current_user as role');
    await session.end();
    expect(rows).to.deep.equal([{ name: 'by_url', role: 'coffer' }]);
  });

  it('is reached by its URL with MikroORM', async () => {
    const { url } = await (await sharedPostgres()).createDatabase('by_mikro_orm');
    const orm = await MikroORM.init({ clientUrl: url, entities: [], discovery: { warnWhenNoEntities: false } });
    const rows = await orm.em.getConnection().execute('select current_database() as name');
    await orm.close();
    expect(rows).to.deep.equal([{ name: 'by_mikro_orm' }]);
  });

  it('is reached by its fields with MikroORM', async () => {
    const { connection } = await (await sharedPostgres()).createDatabase('by_fields');
    const { database: dbName, ...fields } = connection;
    const orm = await MikroORM.init({ ...fields, dbName, entities: [], discovery: { warnWhenNoEntities: false } });
    const rows = await orm.em.getConnection().execute('select current_database() as name');
    await orm.close();
    expect(rows).to.deep.equal([{ name: 'by_fields' }]);
  });
});
