import { expect } from 'chai';
import { Client } from 'pg';
import { planning } from '../../../src/store/postgres/sessions/session-settings.ts';
import { selectDue } from '../../../src/store/migrations/due-functions.ts';
import { credentialDueFunctions } from '../../../src/store/migrations/purge-and-expiry.ts';
import { withMigratedDatabase } from '../../../src/store/schema/migrate.ts';
import { nilUuid } from '../../../src/vault/ids.ts';
import { sharedPostgres } from '../../support/postgres.ts';
import { recordingLog } from '../fixtures.ts';

const rows = 5_000;
const workspaceId = '018f3c5e-7b2a-7c3d-8f00-11223344aab1';
const parameters = ['clock', 'after_at', 'after_workspace', 'after_id', 'most'];

describe('the plans of what is due in all workspaces', () => {
  const stack = new AsyncDisposableStack();
  let superuser: Client;
  /** The owner of the tables, bound by row-level security. */
  let owner: Client;

  before(async () => {
    const { connection } = await (await sharedPostgres()).createDatabase();
    const name = 'owner_of_plans';
    superuser = await connect(connection);
    await superuser.query(`create role ${name} login`);
    await superuser.query(`alter database "${connection.database}" owner to ${name}`);
    const ofOwner = { ...connection, user: name };
    await withMigratedDatabase({ connection: ofOwner, log: recordingLog() }, () => Promise.resolve());
    owner = await connect(ofOwner);
    await owner.query(planning.join('; '));
    await superuser.query('insert into workspace (id, name, created_by, created_at) values ($1, $2, $1, now())', [
      workspaceId,
      'w',
    ]);
    const columns = `workspace_id, name, provider, auth_type, tags, labels, is_active, use_count, current_version, revision, origin,
      created_by, created_at, updated_at`;
    await superuser.query(
      `insert into credential (id, ${columns}, deleted_at, purge_at, notice_at)
       select gen_random_uuid(), $1, 'n', 'p', 'a', '{}', '{}', true, 0, 1, 1, 'coffer', $1, now(), now(),
         case when n % 2 = 0 then now() end, case when n % 2 = 0 then now() + '30 days' end,
         case when n % 2 = 1 then now() + '30 days' end
       from generate_series(1, $2) n`,
      [workspaceId, rows],
    );
  });

  after(() => stack.disposeAsync());

  async function connect(connection: ConstructorParameters<typeof Client>[0]): Promise<Client> {
    const client = new Client(connection);
    await client.connect();
    stack.defer(() => client.end());
    return client;
  }

  for (const definition of credentialDueFunctions) {
    for (const hasStatistics of [false, true]) {
      const how = hasStatistics ? 'with' : 'without';
      it(`find what ${definition.name} answers by its index only, ${how} statistics, although row-level security binds the owner`, async () => {
        if (hasStatistics) await superuser.query('analyze credential');
        const text = parameters.reduce(
          (query, name, index) => query.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `$${index + 1}`),
          selectDue(definition),
        );
        await owner.query('begin');
        await owner.query(`select set_config('coffer.due_rows', 'shown', true)`);
        await owner.query(`prepare due (timestamptz, timestamptz, uuid, uuid, int) as ${text}`);
        const values = `now(), to_timestamp(0), '${nilUuid}', '${nilUuid}', 200`;
        const plan = await owner.query(`explain (analyze, costs off) execute due (${values})`);
        await owner.query('rollback');
        await owner.query('deallocate due');
        const lines = plan.rows.map((row) => String(Object.values(row)[0])).join('\n');
        expect(lines).to.match(/using credential_due_index on credential r .*rows=0[^\n]*\n *Index Cond: .*<=/);
        expect(lines).not.to.include('Rows Removed by Filter');
      });
    }
  }
});
