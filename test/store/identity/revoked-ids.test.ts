import { expect } from 'chai';
import { findCredentials } from '../../../src/store/credentials/credential-statements.ts';
import { newApiKey, newEvent, openTestStores, setUpInstance, type TestStores } from '../fixtures.ts';

const rows = 5_000;
const someId = '018cc251-f400-7000-8000-000000000001';

describe('the plan for checking authentications again', () => {
  let test: TestStores;

  beforeEach(async () => {
    test = await openTestStores();
  });

  afterEach(() => test.close());

  async function plans(): Promise<readonly string[]> {
    const places = [{ workspaceId: someId, value: someId, index: 0 }];
    const { text } = findCredentials('id', places, { sealed: true, checkedIds: [someId] });
    await test.asSuperuser(`prepare finding as ${text}`);
    const explained: string[] = [];
    for (const mode of ['force_generic_plan', 'force_custom_plan']) {
      await test.asSuperuser(`set plan_cache_mode = ${mode}`);
      const one = `'{${someId}}'`;
      const lines = await test.asSuperuser<{ readonly 'QUERY PLAN': string }>(
        `explain execute finding(${one}, ${one}, '{0}', ${one})`,
      );
      explained.push(lines.map((line) => line['QUERY PLAN']).join('\n'));
    }
    await test.asSuperuser('deallocate finding');
    return explained;
  }

  async function expectIndexes(): Promise<void> {
    for (const plan of await plans()) {
      for (const table of ['api_key', 'session', 'user']) {
        expect(plan)
          .to.include(`${table}_pkey`)
          .and.not.match(new RegExp(`Seq Scan on "?${table}`));
      }
    }
  }

  async function fill(): Promise<void> {
    const { owner } = await setUpInstance(test);
    await test.stores.apiKeys.createApiKey(newApiKey(owner, { name: 'seed' }), newEvent());
    await test.asSuperuser(
      `insert into "user" (id, name, is_owner, default_workspace_id, created_at, mac)
       select gen_random_uuid(), n::text, false, default_workspace_id, created_at, mac
       from "user", generate_series(1, $1) as n`,
      [rows],
    );
    await test.asSuperuser(
      `insert into api_key (id, workspace_id, user_id, name, hash, prefix, may_reveal, created_at, mac)
       select gen_random_uuid(), workspace_id, user_id, n::text, sha256(n::text::bytea), prefix, true, created_at, mac
       from api_key, generate_series(1, $1) as n where name = 'seed'`,
      [rows],
    );
    await test.asSuperuser(
      `insert into session (id, user_id, hash, expires_at, created_at, mac)
       select gen_random_uuid(), u.id, sha256(u.name::bytea), created_at, created_at, mac from "user" u`,
    );
  }

  it('takes indexes where there are no rows yet', expectIndexes);

  it('takes indexes where there are many, of which the planner knows nothing', async () => {
    await fill();
    await expectIndexes();
  });

  it('takes indexes where there are many', async () => {
    await fill();
    await test.asSuperuser('analyze');
    await expectIndexes();
  });
});
