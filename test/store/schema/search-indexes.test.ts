import { expect } from 'chai';
import { Client } from 'pg';
import { searchIndexes } from '../../../src/store/entities/search-indexes.ts';
import { SearchIndexTask } from '../../../src/store/schema/search-indexes.ts';
import {
  addCredential,
  newCredential,
  openTestStores,
  patience,
  setUpInstance,
  until,
  type TestStores,
} from '../fixtures.ts';

const names = searchIndexes.map(({ name }) => name);

describe('the indexes of searches', () => {
  let test: TestStores;

  before(async () => {
    test = await openTestStores();
    const { workspace } = await setUpInstance(test);
    await addCredential(test, newCredential(workspace.id));
  });

  after(async () => {
    await test.close();
  });

  const newTask = (user?: string) =>
    new SearchIndexTask({
      connection: { ...test.target.connection, ...(user !== undefined && { user }) },
      log: test.log,
    });
  const drop = () => test.asSuperuser(`drop index if exists ${names.join(', ')}`);
  const find = () =>
    test.asSuperuser<{ name: string; isValid: boolean; oid: number }>(
      `select c.relname as name, i.indisvalid as "isValid", c.oid from pg_index i join pg_class c on c.oid = i.indexrelid
       where c.relname = any ($1) order by c.relname`,
      [names],
    );
  const validNames = async () => (await find()).filter(({ isValid }) => isValid).map(({ name }) => name);

  it('are there where the schema was created', async () => {
    expect(await validNames()).to.have.members(names);
  });

  it('are built on a table that has rows, by one of several processes', async () => {
    await drop();
    const tasks = [newTask(), newTask(), newTask()];
    const built = await Promise.all(tasks.map(async (task) => (await task.runBatch(patience)).count));
    expect(built.toSorted((one, other) => one - other)).to.deep.equal([0, 0, names.length]);
    expect(await validNames()).to.have.members(names);
  });

  it('stay as they are where none is missing', async () => {
    const before = await find();
    expect(await newTask().runBatch(patience)).to.deep.equal({ count: 0, hasMore: false });
    expect(await find()).to.deep.equal(before);
  });

  it('are built again after an interruption, and do not wait for another process that builds', async () => {
    await drop();
    const writer = new Client(test.target.connection);
    await writer.connect();
    try {
      await writer.query('begin');
      await writer.query('lock table credential in row exclusive mode');
      // It waits for the writer.
      const interrupted = newTask()
        .runBatch(patience)
        .then(
          () => 'done',
          () => 'failed',
        );
      const building = `from pg_stat_activity where datname = current_database() and query like 'create index concurrently%'`;
      await until(async () => (await test.asSuperuser(`select 1 ${building} and wait_event_type = 'Lock'`)).length > 0);
      expect(await newTask().runBatch(patience)).to.deep.equal({ count: 0, hasMore: false });
      await test.asSuperuser(`select pg_terminate_backend(pid) ${building}`);
      expect(await interrupted).to.equal('failed');
    } finally {
      await writer.query('rollback');
      await writer.end();
    }
    expect((await find()).some(({ isValid }) => !isValid)).to.equal(true);
    await until(async () => (await newTask().runBatch(patience)).count > 0);
    expect(await validNames()).to.have.members(names);
  });

  it('are left to the command migrate where the server does not own the tables', async () => {
    await drop();
    await test.asSuperuser('alter role coffer_app login');
    test.log.lines.length = 0;
    expect(await newTask('coffer_app').runBatch(patience)).to.deep.equal({ count: 0, hasMore: false });
    expect(await find()).to.deep.equal([]);
    expect(test.log.lines.map(({ message }) => message)).to.deep.equal([
      'indexes of searches are missing: run the command migrate as the owner of the tables',
    ]);
    await test.asSuperuser('alter role coffer_app nologin');
    expect((await newTask().runBatch(patience)).count).to.equal(names.length);
  });
});
