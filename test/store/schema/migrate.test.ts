import { expect } from 'chai';
import { nilUuid } from '../../../src/vault/ids.ts';
import { Client } from 'pg';
import { DatabaseUnreachableError } from '../../../src/store/postgres/connect/await-database.ts';
import { openDatabase } from '../../../src/store/postgres/database.ts';
import { withMigratedDatabase } from '../../../src/store/schema/migrate.ts';
import { SchemaTooNewError } from '../../../src/store/schema/schema-check.ts';
import { migrations } from '../../../src/store/migrations/index.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import { sharedPostgres, type TestDatabase } from '../../support/postgres.ts';
import { ping, recordingLog, withOwnPostgres } from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

const nothing = () => Promise.resolve();

describe('migrating', () => {
  let target: TestDatabase;

  beforeEach(async () => {
    target = await (await sharedPostgres()).createDatabase();
  });

  async function query<Row extends object>(text: string, as: TestDatabase['connection'] = target.connection) {
    const client = new Client(as);
    await client.connect();
    try {
      return (await client.query<Row & Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  async function withPlainOwner<Result>(
    name: string,
    attributes: string,
    work: (connection: TestDatabase['connection']) => Promise<Result>,
  ): Promise<Result> {
    await query(`create role ${name} login ${attributes}`);
    await query(`alter database "${target.connection.database}" owner to ${name}`);
    return work({ ...target.connection, user: name });
  }

  it('runs each migration once, and logs it', async () => {
    const log = recordingLog();
    await withMigratedDatabase({ connection: target.connection, log }, nothing);
    await withMigratedDatabase({ connection: target.connection, log }, nothing);
    const told = log.lines.map(({ level, fields }) => [level, fields['migration']]);
    expect(told).to.deep.equal(migrations.map(({ name }) => ['info', name]));
  });

  it('takes a URL as well as fields', async () => {
    const role = await withMigratedDatabase({ connection: { url: target.url }, log: recordingLog() }, (migrated) =>
      Promise.resolve(migrated.role),
    );
    expect(role).to.equal('coffer_app');
    const database = await openDatabase({
      connection: { url: target.url },
      poolMax: 1,
      role: 'coffer_app',
      log: recordingLog(),
    });
    await ping(database);
    await database.close();
  });

  it('lets several processes start at once, and does their work one after the other', async () => {
    let atWork = 0;
    let mostAtWork = 0;
    const start = () =>
      withMigratedDatabase({ connection: target.connection, log: recordingLog() }, async () => {
        atWork += 1;
        mostAtWork = Math.max(mostAtWork, atWork);
        await query('select pg_sleep(0.02)');
        atWork -= 1;
      });
    await Promise.all([start(), start(), start(), start()]);
    expect(mostAtWork).to.equal(1);
    expect(await query('select name from schema_migration order by id')).to.deep.equal(
      migrations.map(({ name }) => ({ name })),
    );
  });

  it('lets databases of one cluster make the role at once', async () => {
    const { createDatabase } = await sharedPostgres();
    const targets = [target, await createDatabase(), await createDatabase(), await createDatabase()];
    const roles = await Promise.all(
      targets.map(({ connection }) =>
        withMigratedDatabase({ connection, log: recordingLog() }, ({ role }) => Promise.resolve(role)),
      ),
    );
    expect(roles).to.deep.equal(targets.map(() => 'coffer_app'));
  });

  it('lets the lock go when the work fails', async () => {
    const failure = new Error('no key');
    const failing = withMigratedDatabase({ connection: target.connection, log: recordingLog() }, () =>
      Promise.reject(failure),
    );
    expect(await rejectionOf(failing)).to.equal(failure);
    await withMigratedDatabase({ connection: target.connection, log: recordingLog(), lockTimeoutMs: 5_000 }, nothing);
  });

  it('gives up waiting for another process that migrates', async () => {
    const options = { connection: target.connection, log: recordingLog(), lockTimeoutMs: 50 };
    const second = await withMigratedDatabase(options, () => rejectionOf(withMigratedDatabase(options, nothing)));
    expect(second).to.be.instanceOf(VaultError).with.property('code', 'unavailable');
  });

  it('refuses a schema that is newer than itself, and changes nothing', async () => {
    await withMigratedDatabase({ connection: target.connection, log: recordingLog() }, nothing);
    await query(`insert into schema_migration (name) values ('999-from-the-future')`);
    let hasWorked = false;
    const refused = await rejectionOf(
      withMigratedDatabase({ connection: target.connection, log: recordingLog() }, async () => {
        hasWorked = true;
      }),
    );
    expect(refused).to.be.instanceOf(SchemaTooNewError).with.property('message').that.includes('999-from-the-future');
    expect(hasWorked).to.equal(false);
  });

  it('reports that the database is unavailable where no server listens', async () => {
    const nowhere = { ...target.connection, host: '/nowhere' };
    const refused = await rejectionOf(withMigratedDatabase({ connection: nowhere, log: recordingLog() }, nothing));
    expect(refused).to.be.instanceOf(DatabaseUnreachableError);
  });

  describe('by a user who may not create roles', () => {
    it('works as the owner, logs it, and the owner is bound by row-level security', async () => {
      // The role may be there already, by the work of others; this user was not given it.
      const log = recordingLog();
      await withPlainOwner('plain_owner', '', async (connection) => {
        const role = await withMigratedDatabase({ connection, log }, (migrated) => Promise.resolve(migrated.role));
        expect(role).to.equal(null);
        const database = await openDatabase({ connection, poolMax: 1, role, log });
        await ping(database);
        await database.close();
        const id = '018f3c5e-7b2a-7c3d-8f00-11223344aabb';
        await query(`insert into workspace (id, name, created_by, created_at) values ('${id}', 'w', '${id}', now())`);
        await query(
          `insert into keyring (id, instance_id, derivation, salt, master_fingerprint, canary, wrapped_keys, created_at)
           values (1, '${id}', 'key', '', 'f', '', '', now())`,
        );
        await query(
          `insert into workspace_key (workspace_id, key_id, wrapped, master_fingerprint, created_at, mac)
           values ('${id}', '\\x01', '\\x02', 'f', now(), '\\x03')`,
        );
        expect(await query('select * from workspace_key', connection)).to.deep.equal([]);
      });
      const warnings = log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.include('may not become coffer_app').and.include('forced row-level security');
    });

    it('shows what is due in all workspaces by the functions for it, and by nothing else', async () => {
      await withPlainOwner('due_owner', '', async (connection) => {
        await withMigratedDatabase({ connection, log: recordingLog() }, nothing);
        const ids = ['018f3c5e-7b2a-7c3d-8f00-11223344aab1', '018f3c5e-7b2a-7c3d-8f00-11223344aab2'];
        for (const id of ids) {
          await query(`insert into workspace (id, name, created_by, created_at) values ('${id}', 'w', '${id}', now())`);
          await query(`
            insert into credential (workspace_id, id, name, provider, auth_type, tags, labels, is_active, use_count, current_version,
              revision, origin, created_by, created_at, updated_at, deleted_at, purge_at)
            values ('${id}', '${id}', 'n', 'p', 'a', '{}', '{}', true, 0, 1, 1, 'coffer', '${id}', now(), now(), now(), now())`);
        }
        const due = `select id from due_purges(now(), to_timestamp(0), '${nilUuid}', '${nilUuid}', 200) order by id`;
        expect((await query<{ id: string }>(due, connection)).map(({ id }) => id)).to.deep.equal(ids);
        expect(await query('select id from credential', connection)).to.deep.equal([]);
        await query(`update workspace set deleted_at = now() where id = '${ids[0] ?? ''}'`);
        expect((await query<{ id: string }>(due, connection)).map(({ id }) => id)).to.deep.equal(ids.slice(1));
      });
    });

    it('adds the terms of the credentials of every workspace', async () => {
      await withPlainOwner('terms_owner', '', async (connection) => {
        await withMigratedDatabase({ connection, log: recordingLog() }, nothing);
        const ids = ['018f3c5e-7b2a-7c3d-8f00-11223344aab1', '018f3c5e-7b2a-7c3d-8f00-11223344aab2'];
        for (const id of ids) {
          await query(`insert into workspace (id, name, created_by, created_at) values ('${id}', 'w', '${id}', now())`);
          await query(`
            insert into credential (workspace_id, id, name, provider, auth_type, tags, labels, is_active, use_count, current_version,
              revision, origin, created_by, created_at, updated_at)
            values ('${id}', '${id}', 'n', 'p', 'a', '{x}', '{}', true, 0, 1, 1, 'coffer', '${id}', now(), now())`);
        }
        await query(`drop table credential_term; drop function write_credential_terms() cascade;
          delete from schema_migration where name = '023-credential-terms'`);
        await withMigratedDatabase({ connection, log: recordingLog() }, nothing);
        const terms = await query<{ id: string }>('select workspace_id as id from credential_term order by 1');
        expect(terms.map(({ id }) => id)).to.deep.equal(ids);
      });
    });

    it('shows due rows to the role of the server by the functions only', async () => {
      await withMigratedDatabase({ connection: target.connection, log: recordingLog() }, nothing);
      const id = '018f3c5e-7b2a-7c3d-8f00-11223344aab1';
      await query(`insert into workspace (id, name, created_by, created_at) values ('${id}', 'w', '${id}', now())`);
      await query(`
        insert into credential (workspace_id, id, name, provider, auth_type, tags, labels, is_active, use_count, current_version,
          revision, origin, created_by, created_at, updated_at, notice_at)
        values ('${id}', '${id}', 'n', 'p', 'a', '{}', '{}', true, 0, 1, 1, 'coffer', '${id}', now(), now(), now())`);
      const due = `select id from due_notices(now(), to_timestamp(0), '${nilUuid}', '${nilUuid}', 200)`;
      const database = await openDatabase({ ...target, poolMax: 1, role: 'coffer_app', log: recordingLog() });
      expect(await database.query(unnamed(due))).to.deep.equal([{ id }]);
      const seen = await database.transact({}, async (transaction) => {
        await transaction.run(unnamed(`select set_config('coffer.due_rows', 'shown', true)`));
        return transaction.run(unnamed('select id from credential'));
      });
      expect(seen).to.deep.equal([]);
      await database.close();
    });

    it('reports that tenants are not kept apart where the owner bypasses row-level security', async () => {
      const log = recordingLog();
      await withPlainOwner('bypassing_owner', 'bypassrls', (connection) =>
        withMigratedDatabase({ connection, log }, nothing),
      );
      expect(log.lines.map(({ message }) => message).join()).to.include('bypasses row-level security');
    });

    it('works as the role where somebody else gave it to the user', async () => {
      await withMigratedDatabase(
        { connection: (await (await sharedPostgres()).createDatabase()).connection, log: recordingLog() },
        nothing,
      );
      await withPlainOwner('given_owner', '', async (connection) => {
        await query('grant coffer_app to given_owner');
        const role = await withMigratedDatabase({ connection, log: recordingLog() }, (migrated) =>
          Promise.resolve(migrated.role),
        );
        expect(role).to.equal('coffer_app');
      });
    });
  });

  it('makes the role its own where the user may create roles without being a superuser', async () => {
    // Roles belong to the whole cluster, so that this one must be new.
    await withOwnPostgres(async (superuser) => {
      await query('create role making_owner login createrole', superuser);
      await query(`alter database "${superuser.database}" owner to making_owner`, superuser);
      const connection = { ...superuser, user: 'making_owner' };
      const log = recordingLog();
      await withMigratedDatabase({ connection, log }, async ({ role }) => {
        expect(role).to.equal('coffer_app');
        const database = await openDatabase({ connection, poolMax: 1, role, log });
        const [row] = await database.query<{ user: string }>({
          name: 'who',
          text: 'select current_user as user',
          values: [],
        });
        expect(row?.user).to.equal('coffer_app');
        await database.close();
      });
      expect(log.lines.filter(({ level }) => level !== 'info')).to.deep.equal([]);
    });
  });
});

function unnamed(text: string) {
  return { name: '', text, values: [] };
}
