import { MikroORM } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import { Client } from 'pg';
import { migrations } from '../../../src/store/migrations/index.ts';
import { ormOptionsOf } from '../../../src/store/postgres/orm-options.ts';
import { sharedPostgres } from '../../support/postgres.ts';
import { recordingLog } from '../fixtures.ts';

const migration = '020-purge-and-expiry';

describe('the migration to purges and notices of expiry', () => {
  it('begins the notices of credentials that expire later, although row-level security binds the owner', async () => {
    await using stack = new AsyncDisposableStack();
    const { connection } = await (await sharedPostgres()).createDatabase();
    const connect = async (user: string) => {
      const client = new Client({ ...connection, user });
      await client.connect();
      stack.defer(() => client.end());
      return client;
    };
    const superuser = await connect(connection.user);
    await superuser.query('create role owner_of_notices login');
    await superuser.query(`alter database "${connection.database}" owner to owner_of_notices`);
    const owner = await connect('owner_of_notices');
    const orm = await MikroORM.init(ormOptionsOf(connection, recordingLog()));
    stack.defer(() => orm.close());
    const run = async (isWanted: (name: string) => boolean) => {
      for (const { class: Migration } of migrations.filter(({ name }) => isWanted(name))) {
        const one = new Migration(orm.em.getDriver(), orm.config);
        one.up();
        for (const query of one.getQueries())
          await owner.query(typeof query === 'string' ? query : expect.fail('is no SQL'));
      }
    };

    await run((name) => name < migration);
    const id = '018f3c5e-7b2a-7c3d-8f00-11223344aab1';
    await superuser.query(`insert into workspace (id, name, created_by, created_at) values ($1, 'w', $1, now())`, [id]);
    await superuser.query(
      `insert into credential (workspace_id, id, name, provider, auth_type, tags, labels, is_active, use_count, current_version,
         revision, origin, created_by, created_at, updated_at, expires_at, deleted_at)
       select $1, gen_random_uuid(), name, 'p', 'a', '{}', '{}', true, 0, 1, 1, 'coffer', $1, now(), '2024-01-01Z', expires_at, deleted_at
       from (values ('later', now() + '1 day', null), ('past', now() - interval '1 day', null), ('never', null, null),
         ('deleted', now() + '1 day', now())) c (name, expires_at, deleted_at)`,
      [id],
    );
    await run((name) => name === migration);
    const { rows } = await superuser.query(
      'select name, notice_at, purge_at from credential where notice_at is not null',
    );
    expect(rows).to.deep.equal([{ name: 'later', notice_at: new Date('2024-01-01Z'), purge_at: null }]);
    const { rows: forced } = await superuser.query(
      `select relforcerowsecurity as forced from pg_class where relname = 'credential'`,
    );
    expect(forced).to.deep.equal([{ forced: true }]);
  });
});
