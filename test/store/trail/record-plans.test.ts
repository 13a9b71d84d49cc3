import { expect } from 'chai';
import {
  credentialsCursor,
  enterWorkspace,
  findVersions,
  workspaceKeysCursor,
} from '../../../src/store/trail/record-statements.ts';
import type { Statement } from '../../../src/store/postgres/statements/statement.ts';
import { addCredential, newCredential, newId, openTestStores, setUpInstance, type TestStores } from '../fixtures.ts';

const workspaces = 200;
const credentials = 100;

describe('the plans for holding rows against the trail', () => {
  let test: TestStores;
  let workspaceId: string;

  before(async () => {
    test = await openTestStores();
    workspaceId = (await setUpInstance(test)).workspace.id;
    await addCredential(test, newCredential(workspaceId));
    await copyRows('workspace', 'id', workspaces, 'gen_random_uuid()');
    await copyRows('workspace_key', 'workspace_id', 1, 'w.id');
    await copyRows('credential', 'workspace_id, id', credentials, 'w.id, gen_random_uuid()');
    await test.asSuperuser(`
      insert into credential_version select c.workspace_id, c.id, 1, v.sealed, v.key_id, v.created_by, v.created_at
      from credential c, (select * from credential_version limit 1) v on conflict do nothing`);
    await test.asSuperuser(`
      insert into audit_event
      select (jsonb_populate_record(e, jsonb_build_object('seq', 1000 + row_number() over (), 'workspace_id', c.workspace_id,
        'resource_id', c.id))).* from credential c, audit_event e where e.seq = (select max(seq) from audit_event)`);
    await test.asSuperuser('analyze');
  });

  after(async () => {
    await test.close();
  });

  /** Copies the first row of a table, so many times for each workspace. */
  async function copyRows(table: string, keys: string, count: number, values: string): Promise<void> {
    const [{ columns } = { columns: '' }] = await test.asSuperuser<{ columns: string }>(
      `select string_agg(column_name, ', ') as columns from information_schema.columns
       where table_name = $1 and is_generated = 'NEVER' and not column_name = any (string_to_array($2, ', '))`,
      [table, keys],
    );
    const from = table === 'workspace' ? '' : `, (select id from workspace where id <> '${workspaceId}') w`;
    const rest = columns.split(', ').map((column) => `t.${column}`);
    await test.asSuperuser(
      `insert into ${table} (${keys}, ${columns}) select ${values}, ${rest.join(', ')}
       from (select * from ${table} limit 1) t, generate_series(1, ${count})${from}`,
    );
  }

  /** The plan as the server's role has it. */
  async function planOf({ text, values }: Statement): Promise<string> {
    const query = text.replace(/^declare .*? for /s, '');
    return test.database.transact({ isSnapshot: true }, async (transaction) => {
      await transaction.run(enterWorkspace(workspaceId));
      const lines = await transaction.run<{ 'QUERY PLAN': string }>({ name: '', text: `explain ${query}`, values });
      return lines.map((line) => line['QUERY PLAN']).join('\n');
    });
  }

  it('read the events and the credentials of one workspace by indexes', async () => {
    const plan = await planOf(credentialsCursor);
    expect(plan).to.include('audit_event_list_index').and.not.include('Seq Scan');
  });

  it('read the keys of one workspace by an index', async () => {
    expect(await planOf(workspaceKeysCursor))
      .to.include('workspace_key_pkey')
      .and.not.include('Seq Scan');
  });

  it('read on in the versions of one workspace where the last page ended', async () => {
    const plan = await planOf(findVersions(workspaceId, { credentialId: newId(), version: 1 }, 100));
    expect(plan).to.match(/Index Cond: \(\(workspace_id = .*\) AND \(id >= /);
    expect(plan).not.to.include('Seq Scan');
  });
});
