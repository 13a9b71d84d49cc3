import { expect } from 'chai';
import { randomBytes, randomUUID } from 'node:crypto';
import { openTestStores, type TestStores } from '../fixtures.ts';

const dayMs = 86_400_000;

describe('SqlRequestStore', () => {
  let test: TestStores;
  before(async () => (test = await openTestStores()));
  after(() => test.close());

  /** Rows of as many workspaces, as of an age. */
  const insert = async (count: number, ageMs: number): Promise<void> => {
    const createdAt = new Date(Date.now() - ageMs);
    for (let row = 0; row < count; row += 1) {
      await test.asSuperuser(
        `insert into idempotency (workspace_id, key, salt, request_hash, answer, created_at, mac)
         values ($1, $2, '\\x01', '\\x02', '\\x03', $3, '\\x04')`,
        [randomUUID(), randomBytes(32), createdAt],
      );
    }
  };
  const countRows = async (): Promise<number> => {
    const rows = await test.asSuperuser<{ count: number }>('select count(*)::int as count from idempotency');
    return rows[0]?.count ?? 0;
  };

  it('sweeps the expired records of all workspaces, at most 200 at a time, and no others', async () => {
    await insert(230, dayMs + 60_000);
    await insert(3, dayMs - 60_000);
    expect(await test.stores.requests.sweep(new Date())).to.deep.equal({ count: 200, hasMore: true });
    expect(await test.stores.requests.sweep(new Date())).to.deep.equal({ count: 30, hasMore: false });
    expect(await countRows()).to.equal(3);
  });

  it('sweeps nothing that has not expired by the clock of the database', async () => {
    const before = await countRows();
    await insert(1, 0);
    expect(await test.stores.requests.sweep(new Date(Date.now() + 2 * dayMs))).to.deep.equal({
      count: 0,
      hasMore: false,
    });
    expect(await countRows()).to.equal(before + 1);
  });

  it('lets the server delete neither answers that count nor those of workspaces that are not deleted', async () => {
    await test.asSuperuser('truncate idempotency');
    await insert(1, 0);
    const [row] = await test.asSuperuser<{ id: string }>('select workspace_id as id from idempotency');
    await test.database.transact({ workspaces: [row?.id ?? ''] }, (transaction) =>
      transaction.run({ name: '', text: 'delete from idempotency', values: [] }),
    );
    expect(await countRows()).to.equal(1);
  });

  it('leaves rows to another process that sweeps at the same time', async () => {
    await insert(150, dayMs + 60_000);
    const swept = await Promise.all([1, 2].map(() => test.stores.requests.sweep(new Date())));
    expect(swept.reduce((sum, { count }) => sum + count, 0)).to.equal(150);
  });
});
