import { expect } from 'chai';
import { DatabaseFailure } from '../../src/store/postgres/connect/database-failure.ts';
import { CredentialEntity } from '../../src/store/entities/credential.ts';
import { CredentialVersionEntity } from '../../src/store/entities/credential.ts';
import { WorkspaceKeyEntity } from '../../src/store/entities/workspace.ts';
import {
  addCredential,
  addWorkspace,
  newCredential,
  newId,
  openTestStores,
  setUpInstance,
  until,
  type TestStores,
} from './fixtures.ts';
import { rejectionOf } from '../support/refusals.ts';

const tenantTables = ['credential', 'credential_version', 'workspace_key'];

describe('row-level security', () => {
  let test: TestStores;
  let own: string;
  let foreign: string;

  before(async () => {
    test = await openTestStores();
    const { workspace, owner } = await setUpInstance(test);
    own = workspace.id;
    foreign = (await addWorkspace(test, owner)).id;
    await addCredential(test, newCredential(own));
    await addCredential(test, newCredential(foreign));
  });

  after(async () => {
    await test.close();
  });

  /** Runs SQL as the server would, had it forgotten to ask for the workspace. */
  const run = (text: string, workspaces?: readonly string[]) =>
    test.database.transact({ ...(workspaces && { workspaces }) }, (transaction) =>
      transaction.run<{ workspace_id: string }>({ name: '', text, values: [] }),
    );

  async function seen(table: string, workspaces?: readonly string[]): Promise<string[]> {
    const rows = await run(`select workspace_id from ${table} order by workspace_id`, workspaces);
    return rows.map((row) => row.workspace_id);
  }

  for (const table of tenantTables) {
    it(`shows rows of ${table} for the named workspaces only`, async () => {
      expect(await seen(table, [own])).to.deep.equal([own]);
      expect(await seen(table, [foreign])).to.deep.equal([foreign]);
      expect(await seen(table, [own, foreign])).to.deep.equal([own, foreign].toSorted());
      expect(await seen(table, [newId()])).to.deep.equal([]);
      expect(await seen(table)).to.deep.equal([]);
    });
  }

  it('shows nothing outside of a transaction, where the variable has been set on the connection before', async () => {
    for (let count = 0; count < 8; count += 1) {
      await run('select 1', [own]);
      const rows = await test.database.query({ name: '', text: 'select 1 from credential', values: [] });
      expect(rows).to.deep.equal([]);
    }
  });

  it('shows rows of the named workspaces only where a read is its own transaction', async () => {
    const statement = { name: 'all', text: 'select workspace_id from credential order by workspace_id', values: [] };
    for (const workspaces of [[own], [foreign], [newId()], [own, foreign].toSorted()]) {
      const [rows = []] = await test.database.read<{ workspace_id: string }>({ workspaces }, [statement]);
      const seenWorkspaces = rows.map((row) => row.workspace_id);
      expect(seenWorkspaces).to.deep.equal(workspaces.filter((id) => id === own || id === foreign));
    }
  });

  it('shows nothing behind such a read, whether it succeeded, failed, or was canceled', async () => {
    const look = { name: '', text: 'select 1 from credential', values: [] };
    const setting = { name: '', text: `select current_setting('coffer.workspaces', true) as value`, values: [] };
    const ends: (() => Promise<unknown>)[] = [
      () => test.database.read({ workspaces: [own] }, [look, look]),
      () => test.database.read({ workspaces: [own] }, [look, { name: '', text: 'select 1 / 0', values: [] }]),
      () => test.database.read({ workspaces: [own] }, [{ name: '', text: 'select nothing', values: [] }, look]),
      async () => {
        const abort = new AbortController();
        const sleep = { name: '', text: 'select pg_sleep(30)', values: [] };
        const reading = rejectionOf(test.database.read({ workspaces: [own], signal: abort.signal }, [sleep]));
        const asleep = `select 1 from pg_stat_activity where state = 'active' and query = 'select pg_sleep(30)'`;
        await until(async () => (await test.asSuperuser(asleep)).length === 1);
        abort.abort();
        return reading;
      },
    ];
    for (const end of ends) {
      for (let count = 0; count < 4; count += 1) {
        await rejectionOf(end());
        expect(await test.database.query(look)).to.deep.equal([]);
        expect(await test.database.transact({}, (transaction) => transaction.run(look))).to.deep.equal([]);
        const [row] = await test.database.query<{ value: string | null }>(setting);
        expect(row?.value ?? '').to.equal('');
      }
    }
  });

  it('takes nothing but ids for workspaces in such a read', async () => {
    const refused = await rejectionOf(test.database.read({ workspaces: [`${own}', true) --`] }, []));
    expect(refused).to.be.instanceOf(Error).with.property('message').that.includes('must be UUIDs');
  });

  it('binds the finding of entities as well', async () => {
    const criteria = { where: { workspaceId: foreign } };
    const count = async (workspaces?: readonly string[]) => {
      const scope = workspaces ? { workspaces } : {};
      const credentials = await test.database.find(scope, CredentialEntity, criteria);
      const versions = await test.database.find(scope, CredentialVersionEntity, criteria);
      const keys = await test.database.find(scope, WorkspaceKeyEntity, criteria);
      return [credentials.length, versions.length, keys.length];
    };
    expect(await count([own])).to.deep.equal([0, 0, 0]);
    expect(await count()).to.deep.equal([0, 0, 0]);
    expect(await count([foreign])).to.deep.equal([1, 1, 1]);
  });

  it('changes no row of another workspace', async () => {
    const changed = await run(`update credential set name = 'taken over' returning workspace_id`, [own]);
    expect(changed.map((row) => row.workspace_id)).to.deep.equal([own]);
    const rows = await test.asSuperuser(`select 1 from credential where name = 'taken over'`);
    expect(rows).to.have.length(1);
  });

  it('moves no row to another workspace', async () => {
    const refused = await rejectionOf(run(`update credential set workspace_id = '${foreign}'`, [own]));
    expect(refused).to.be.instanceOf(DatabaseFailure).with.property('sqlState', '42501');
  });

  it('inserts no row for another workspace, nor without any', async () => {
    const insert = `
      insert into workspace_key (workspace_id, key_id, wrapped, master_fingerprint, created_at, mac)
      values ('${foreign}', '\\x01', '\\x02', 'f', now(), '\\x03')`;
    for (const workspaces of [[own], undefined]) {
      const refused = await rejectionOf(run(insert, workspaces));
      expect(refused).to.be.instanceOf(DatabaseFailure).with.property('sqlState', '42501');
    }
  });

  it('takes nothing but ids for workspaces', async () => {
    const refused = await rejectionOf(run('select 1', [`${own}', true); select set_config('role', 'none`]));
    expect(refused).to.be.instanceOf(Error).with.property('message').that.includes('must be UUIDs');
  });
});
