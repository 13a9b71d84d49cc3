import { MikroORM } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import { WorkspaceEntity } from '../../../../src/store/entities/workspace.ts';
import { driverOptionsOf, ormOptionsOf } from '../../../../src/store/postgres/orm-options.ts';
import { openTestStores, until, type TestStores } from '../../fixtures.ts';
import { rejectionOf } from '../../../support/refusals.ts';

describe('releasing ended clients', () => {
  let test: TestStores;
  let orm: MikroORM;

  beforeEach(async () => {
    test = await openTestStores();
    const { connection } = test.target;
    const driverOptions = { ...driverOptionsOf(connection), application_name: 'losing' };
    orm = await MikroORM.init({ ...ormOptionsOf(connection, test.log), pool: { min: 0, max: 2 }, driverOptions });
  });

  afterEach(async () => {
    await orm.close();
    await test.close();
  });

  async function end(state: string): Promise<void> {
    await until(async () => {
      const ended = await test.asSuperuser(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'losing' and state = $1`,
        [state],
      );
      return ended.length > 0;
    });
  }

  const losses: Record<string, () => Promise<unknown>> = {
    'between two statements': () =>
      orm.em.fork().transactional(async (em) => {
        await em.find(WorkspaceEntity, {});
        await end('idle in transaction');
        await em.execute('select 1');
      }),
    'in the middle of a statement': () =>
      orm.em.fork().transactional(async (em) => {
        const lost = rejectionOf(em.execute('select pg_sleep(30)'));
        await end('active');
        throw await lost;
      }),
  };

  for (const [moment, lose] of Object.entries(losses)) {
    it(`keeps the pool of an ORM whole that loses transactions ${moment}, and lets it close`, async () => {
      for (let loss = 0; loss < 5; loss += 1) expect(await rejectionOf(lose())).to.be.instanceOf(Error);
      // Each waits in its transaction for the other one, so that the pool must have both its connections.
      const waiting: (() => void)[] = [];
      const meet = () =>
        new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length === 2) for (const go of waiting) go();
        });
      const hold = () =>
        orm.em.fork().transactional(async (em) => {
          await em.execute('select 1');
          await meet();
        });
      await Promise.all([hold(), hold()]);
    });
  }
});
