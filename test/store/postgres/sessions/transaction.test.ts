import { expect } from 'chai';
import { DatabaseFailure } from '../../../../src/store/postgres/connect/database-failure.ts';
import type { Statement } from '../../../../src/store/postgres/statements/statement.ts';
import { newId, openTestStores, type TestStores } from '../../fixtures.ts';
import { rejectionOf } from '../../../support/refusals.ts';

const fail: Statement = { name: 'fail', text: 'select 1 / 0', values: [] };

/** A statement that answers a number. */
function number(value: number, name = 'number'): Statement {
  return { name, text: 'select $1::int as value', values: [value] };
}

function divide(by: number): Statement {
  return { name: 'divide', text: 'select 6 / $1::int as value', values: [by] };
}

function insert(id: string): Statement {
  const text = `insert into workspace (id, name, created_by, created_at) values ($1, 'w', $1, now())`;
  return { name: 'insert', text, values: [id] };
}

describe('a transaction', () => {
  let test: TestStores;

  beforeEach(async () => {
    // One connection: what one statement leaves behind, the next one finds.
    test = await openTestStores(1);
  });

  afterEach(async () => {
    await test.close();
  });

  const stored = async () => (await test.asSuperuser<{ id: string }>('select id from workspace')).map(({ id }) => id);

  it('answers statements that are run in one go each with its own rows', async () => {
    const rows = await test.database.transact({}, (transaction) =>
      Promise.all([
        transaction.run(number(1)),
        transaction.run({ name: '', text: 'select 1 where false', values: [] }),
        transaction.run(insert(newId())),
        transaction.run({ name: 'two', text: 'select 2 as two, 3 as three', values: [] }),
        transaction.run(number(4)),
      ]),
    );
    expect(rows).to.deep.equal([[{ value: 1 }], [], [], [{ two: 2, three: 3 }], [{ value: 4 }]]);
  });

  it('runs nothing behind a statement that failed, and keeps nothing of those before it', async () => {
    const ids = [newId(), newId()];
    const refused = await rejectionOf(
      test.database.transact({}, (transaction) =>
        Promise.all([
          transaction.run(insert(ids[0] ?? '')),
          transaction.run(fail),
          transaction.run(insert(ids[1] ?? '')),
        ]),
      ),
    );
    expect(refused).to.be.instanceOf(DatabaseFailure).with.property('sqlState', '22012');
    expect(await stored()).to.deep.equal([]);
  });

  it('commits what was left for the end, and fails where that fails', async () => {
    const id = newId();
    await test.database.transact({}, async (transaction) => transaction.runLast(insert(id)));
    const refused = await rejectionOf(
      test.database.transact({}, async (transaction) => {
        await transaction.run(insert(newId()));
        transaction.runLast(insert(id));
      }),
    );
    expect(refused).to.have.property('sqlState', '23505');
    expect(await stored()).to.deep.equal([id]);
  });

  it('leaves nothing undone where nothing is run', async () => {
    await test.database.transact({ workspaces: [newId()] }, async () => undefined);
    expect(await test.database.query(number(1))).to.deep.equal([{ value: 1 }]);
  });

  it('can run again what failed before, the first time or later', async () => {
    for (const by of [0, 2, 0, 3]) {
      const outcome = await test.database.query(divide(by)).catch((error: unknown) => error);
      if (by === 0) expect(outcome).to.have.property('sqlState', '22012');
      else expect(outcome).to.deep.equal([{ value: 6 / by }]);
    }
  });

  it('runs what names a table that was not there before', async () => {
    const read: Statement = { name: 'late', text: 'select value from late', values: [] };
    expect(await rejectionOf(test.database.query(read))).to.have.property('sqlState', '42P01');
    await test.asSuperuser('create table late as select 7 as value; grant select on late to coffer_app');
    expect(await test.database.query(read)).to.deep.equal([{ value: 7 }]);
  });

  it('refuses a name that stands for two texts, and the connection is none the worse', async () => {
    await test.database.query(number(1));
    const other = { name: 'number', text: 'select 2', values: [] };
    expect(await rejectionOf(test.database.query(other)))
      .to.have.property('message')
      .that.includes('number');
    expect(await test.database.query(number(3))).to.deep.equal([{ value: 3 }]);
  });

  it('refuses a value that no parameter can have before anything is sent', async () => {
    const wrong = { name: 'wrong', text: 'select $1::timestamptz', values: [new Date(Number.NaN)] };
    expect(await rejectionOf(test.database.query(wrong))).to.be.instanceOf(RangeError);
    expect(await test.database.query(number(3))).to.deep.equal([{ value: 3 }]);
  });
});
