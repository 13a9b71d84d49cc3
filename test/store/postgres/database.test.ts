import { inspect } from 'node:util';
import { expect } from 'chai';
import { Client } from 'pg';
import { openDatabase, type Database } from '../../../src/store/postgres/database.ts';
import { DatabaseFailure } from '../../../src/store/postgres/connect/database-failure.ts';
import { WorkspaceEntity } from '../../../src/store/entities/workspace.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { newId, ping, openTestStores, recordingLog, until, type TestStores } from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

const isAsleep = `state = 'active' and query like '%pg_sleep(30)%'`;
const waitsForLock = `wait_event_type = 'Lock'`;
const sleepy = { name: 'sleep', text: 'select pg_sleep(30)', values: [] };

describe('the database', () => {
  let test: TestStores;
  let database: Database;

  beforeEach(async () => {
    test = await openTestStores(2);
    ({ database } = test);
  });

  afterEach(async () => {
    await test.close();
  });

  /** The sessions of the server, but for the one that asks. */
  async function sessions(condition = 'true'): Promise<readonly { readonly pid: number; readonly query: string }[]> {
    return test.asSuperuser(
      `select pid, query from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and ${condition}`,
    );
  }

  async function endSessions(condition = 'true'): Promise<void> {
    await test.asSuperuser(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and ${condition}`,
    );
  }

  async function loseAsleep(work: Promise<unknown>): Promise<never> {
    const lost = rejectionOf(work);
    await until(async () => (await sessions(isAsleep)).length === 1);
    await endSessions(isAsleep);
    // One that is ending would be taken for the next one.
    await until(async () => (await sessions(isAsleep)).length === 0);
    throw await lost;
  }

  describe('as the role of the server', () => {
    it('is coffer_app on every connection, and stays so after a reset of the settings', async () => {
      const who = { name: 'who', text: 'select current_user as name, pg_sleep(0.05)', values: [] };
      const rows = await Promise.all([1, 2, 3, 4].map(() => database.query<{ name: string }>(who)));
      expect(rows.flat().map(({ name }) => name)).to.deep.equal(Array(4).fill('coffer_app'));
    });

    it('bounds statements and idle transactions in time', async () => {
      const text = `select current_setting('statement_timeout') as statement,
        current_setting('idle_in_transaction_session_timeout') as idle`;
      const [row] = await database.query({ name: 'timeouts', text, values: [] });
      expect(row).to.deep.equal({ statement: '7s', idle: '5s' });
    });

    it('gives long work other bounds, and only that', async () => {
      const statement = {
        name: 'long timeouts',
        text: `select current_setting('statement_timeout') as statement`,
        values: [],
      };
      const longWork = database.forLongWork();
      expect(await longWork.query(statement)).to.deep.equal([{ statement: '10min' }]);
      const [read] = await longWork.read({ workspaces: [newId()] }, [statement]);
      const inTransaction = await longWork.transact({}, (transaction) => transaction.run(statement));
      expect([read, inTransaction]).to.deep.equal([[{ statement: '10min' }], [{ statement: '10min' }]]);
      expect(await Promise.all([database.query(statement), database.query(statement)])).to.deep.equal([
        [{ statement: '7s' }],
        [{ statement: '7s' }],
      ]);
    });
  });

  describe('when a call is aborted', () => {
    it('frees the server from a statement', async () => {
      const abort = new AbortController();
      const reason = new Error('deadline');
      const query = rejectionOf(database.query(sleepy, abort.signal));
      await until(async () => (await sessions(isAsleep)).length === 1);
      abort.abort(reason);
      expect(await query)
        .to.be.instanceOf(VaultError)
        .with.property('code', 'canceled');
      expect((await query) instanceof Error && (await query)).to.have.property('cause', reason);
      await until(async () => (await sessions(isAsleep)).length === 0);
    });

    it('frees the server from a transaction that waits for a lock, and rolls it back', async () => {
      const unlock = await lockWorkspaces(test, 'exclusive');
      const abort = new AbortController();
      const id = newId();
      const values = [id, 'w', id, new Date()];
      const waiting = rejectionOf(
        database.transact({ signal: abort.signal }, async (transaction) => {
          await transaction.run({
            name: 'insert',
            text: 'insert into workspace (id, name, created_by, created_at) values ($1, $2, $3, $4)',
            values,
          });
        }),
      );
      await until(async () => (await sessions(waitsForLock)).length === 1);
      abort.abort();
      expect(await waiting)
        .to.be.instanceOf(VaultError)
        .with.property('code', 'canceled');
      expect(await sessions(`application_name = 'coffer' and state <> 'idle'`)).to.deep.equal([]);
      await unlock();
      expect(await test.asSuperuser('select 1 from workspace')).to.deep.equal([]);
    });

    it('frees the server from a read of entities', async () => {
      const unlock = await lockWorkspaces(test, 'access exclusive');
      const abort = new AbortController();
      const workspaces = [newId()];
      const reading = rejectionOf(database.find({ workspaces, signal: abort.signal }, WorkspaceEntity, { where: {} }));
      await until(async () => (await sessions(waitsForLock)).length === 1);
      abort.abort();
      expect(await reading)
        .to.be.instanceOf(VaultError)
        .with.property('code', 'canceled');
      await until(async () => (await sessions(waitsForLock)).length === 0);
      await unlock();
    });

    it('does not wait for a connection, and the pool is none the worse', async () => {
      const holding = new AbortController();
      const held = [1, 2].map(() => rejectionOf(database.query(sleepy, holding.signal)));
      await until(async () => (await sessions(isAsleep)).length === 2);
      const abort = new AbortController();
      const waiting = [
        rejectionOf(database.query({ name: 'one', text: 'select 1', values: [] }, abort.signal)),
        rejectionOf(database.transact({ signal: abort.signal }, () => Promise.resolve())),
        rejectionOf(database.find({ signal: abort.signal }, WorkspaceEntity, { where: {} })),
      ];
      abort.abort();
      for (const refused of await Promise.all(waiting)) expect(refused).to.have.property('code', 'canceled');
      holding.abort();
      await Promise.all(held);
      await Promise.all([ping(database), ping(database)]);
    });

    it('lets a statement end by itself that soon does, and opens no session to cancel it', async () => {
      const abort = new AbortController();
      const soon = { name: '', text: 'select pg_sleep(0.03)', values: [] };
      const running = database.query(soon, abort.signal);
      await until(async () => (await sessions(`query like '%pg_sleep%'`)).length === 1);
      abort.abort();
      expect(await running).to.have.length(1);
      expect(await sessions()).to.have.length(1);
    });

    it('cancels over one session, however many are aborted', async () => {
      for (let round = 0; round < 5; round += 1) {
        const abort = new AbortController();
        const running = [1, 2].map(() => rejectionOf(database.query(sleepy, abort.signal)));
        await until(async () => (await sessions(isAsleep)).length === 2);
        abort.abort();
        for (const error of await Promise.all(running)) expect(error).to.have.property('code', 'canceled');
        // A session that was opened to find its server may be about to end.
        await until(async () => (await sessions()).length <= 3);
      }
    });

    it('does not begin at all after that', async () => {
      const signal = AbortSignal.abort();
      const refused = await Promise.all([
        rejectionOf(ping(database, signal)),
        rejectionOf(database.transact({ signal }, () => Promise.resolve())),
        rejectionOf(database.find({ signal }, WorkspaceEntity, { where: {} })),
      ]);
      for (const error of refused) expect(error).to.have.property('code', 'canceled');
    });
  });

  describe('when connections are lost', () => {
    const lose: Record<string, () => Promise<unknown>> = {
      'in a transaction, between statements': () =>
        database.transact({}, async (transaction) => {
          await transaction.run({ name: 'one', text: 'select 1', values: [] });
          await endSessions(`state = 'idle in transaction'`);
          await transaction.run({ name: 'one', text: 'select 1', values: [] });
        }),
      'in a transaction, in a statement': () =>
        loseAsleep(database.transact({}, (transaction) => transaction.run(sleepy))),
      'in a statement alone': () => loseAsleep(database.query(sleepy)),
    };

    for (const [place, lost] of Object.entries(lose)) {
      it(`${place}: reports it each time, the pool of two recovers, and closing ends`, async () => {
        for (let loss = 0; loss < 5; loss += 1) {
          const error = await rejectionOf(lost());
          expect(error).to.be.instanceOf(VaultError).with.property('code', 'unavailable');
        }
        const holding = new AbortController();
        const held = [1, 2].map(() => rejectionOf(database.query(sleepy, holding.signal)));
        await until(async () => (await sessions(isAsleep)).length === 2);
        holding.abort();
        await Promise.all(held);
      });
    }

    it('idle: the next call finds another connection', async () => {
      await Promise.all([ping(database), ping(database)]);
      await endSessions();
      await until(async () => (await sessions()).length === 0);
      await until(async () => (await rejectionOf(ping(database))) === undefined);
    });

    it('reports that it is unavailable where no server listens', async () => {
      const log = recordingLog();
      const nowhere = await openDatabase({
        connection: { ...test.target.connection, host: '/nowhere' },
        poolMax: 1,
        role: 'coffer_app',
        log,
      });
      const refused = await Promise.all([
        rejectionOf(ping(nowhere)),
        rejectionOf(nowhere.transact({}, () => Promise.resolve())),
        rejectionOf(nowhere.find({}, WorkspaceEntity, { where: {} })),
      ]);
      for (const error of refused) expect(error).to.have.property('code', 'unavailable');
      expect(inspect(log.lines), 'the cause, told once for them all').to.match(/^(?!.*ENOENT.*ENOENT).*ENOENT/s);
      await nowhere.close();
    });

    it('gives the reason of a transaction that is tried only once, too', async () => {
      const log = recordingLog();
      const connection = { ...test.target.connection, host: '/nowhere' };
      const away = await openDatabase({ connection, poolMax: 1, role: null, log });
      const failure = await rejectionOf(away.attempt({}, async (transaction) => transaction.run(sleepy)));
      await away.close();
      expect(failure).not.to.be.instanceOf(VaultError);
      expect(inspect(log.lines)).to.match(/ENOENT/);
    });
  });

  it('is closed for good, also where only its own statements were run', async () => {
    const { connection } = test.target;
    const closed = await openDatabase({ connection, poolMax: 1, role: 'coffer_app', log: test.log });
    await ping(closed);
    await closed.close();
    expect(await rejectionOf(ping(closed)))
      .to.be.instanceOf(VaultError)
      .with.property('code', 'unavailable');
  });

  it('runs a transaction once more where it collided', async () => {
    let runs = 0;
    const state = await database.transact({}, async (transaction) => {
      runs += 1;
      if (runs === 1) {
        await transaction.run({
          name: '',
          text: `do $$ begin raise exception using errcode = '40P01'; end $$`,
          values: [],
        });
      }
      return 'done';
    });
    expect([state, runs]).to.deep.equal(['done', 2]);
  });

  it('gives up where it collides again', async () => {
    let runs = 0;
    const collide = { name: '', text: `do $$ begin raise exception using errcode = '40001'; end $$`, values: [] };
    const refused = await rejectionOf(
      database.transact({}, async (transaction) => {
        runs += 1;
        await transaction.run(collide);
      }),
    );
    expect(refused).to.have.property('code', 'unavailable');
    expect(runs).to.equal(2);
  });

  it('throws what the work throws, with nothing written', async () => {
    const failure = new Error('changed my mind');
    const id = newId();
    const refused = await rejectionOf(
      database.transact({}, async (transaction) => {
        await transaction.run({
          name: 'insert',
          text: `insert into workspace (id, name, created_by, created_at) values ($1, 'w', $1, now())`,
          values: [id],
        });
        throw failure;
      }),
    );
    expect(refused).to.equal(failure);
    expect(await test.asSuperuser('select 1 from workspace')).to.deep.equal([]);
  });

  it('reports a refused statement by names, and never by the values of rows', async () => {
    const secret = 'a1b2c3-value-of-a-row';
    const text = `insert into workspace (id, name, created_by, created_at) values ($1, $2, null, now())`;
    const error = await rejectionOf(database.query({ name: 'bad', text, values: [newId(), secret] }));
    expect(error).to.be.instanceOf(DatabaseFailure).with.property('sqlState', '23502');
    const read = await rejectionOf(database.find({}, WorkspaceEntity, { where: { id: secret } }));
    expect(read).to.be.instanceOf(DatabaseFailure);
    for (const failure of [error, read]) expect(JSON.stringify(inspected(failure))).not.to.include(secret);
    expect(JSON.stringify(test.log.lines)).not.to.include(secret);
  });
});

/** All that a logger could print of an error. */
function inspected(error: unknown): unknown {
  return inspect(error, { depth: null, showHidden: true });
}

/** Holds a lock of the table of workspaces, in a session of its own. */
async function lockWorkspaces({ target }: TestStores, mode: string): Promise<() => Promise<void>> {
  const holder = new Client(target.connection);
  await holder.connect();
  await holder.query('begin');
  await holder.query(`lock table workspace in ${mode} mode`);
  return () => holder.end();
}
