import { expect } from 'chai';
import { findApiKeyAccess, findSessionAccess } from '../../../src/store/identity/access-statements.ts';
import { newId, openTestStores, setUpInstance, type TestStores } from '../fixtures.ts';
import { planModes, planOf } from '../plans.ts';

const hash = Buffer.alloc(32, 1);
const tables = ['"user"', 'membership', 'api_key', 'session'];

describe('the plans for access', () => {
  let test: TestStores;

  before(async () => {
    test = await openTestStores();
    await setUpInstance(test);
    // Whether there are statistics is for the tests to say.
    for (const table of tables) await test.asSuperuser(`alter table ${table} set (autovacuum_enabled = off)`);
  });

  after(async () => {
    await test.close();
  });

  for (const count of [2, 300, 5_000]) {
    for (const isAnalyzed of [false, true]) {
      describe(`of ${count} users, ${isAnalyzed ? 'with' : 'without'} statistics,`, () => {
        before(async () => {
          await fill(test, count);
          if (isAnalyzed) await test.asSuperuser(`analyze ${tables.join(', ')}`);
        });

        for (const mode of planModes) {
          const plan = (statement: ReturnType<typeof findApiKeyAccess>) =>
            planOf(test.database, statement, { workspaces: [newId()], mode });

          it(`find API keys by their hash, and what their users may do, by indexes (${mode})`, async () => {
            expectIndexes(await plan(findApiKeyAccess(hash)), /api_key_\w*hash\w*/);
          });

          it(`find sessions by their hash, and what their users may do, by indexes (${mode})`, async () => {
            expectIndexes(await plan(findSessionAccess(hash)), /session_hash_unique/);
          });

          function expectIndexes(text: string, hashIndex: RegExp): void {
            expect(text).not.to.include('Seq Scan');
            // All indexes of a table that is known to be tiny are the same to the planner.
            if (count === 2 && isAnalyzed) return;
            expect(text)
              .to.match(hashIndex)
              .and.match(/user_pkey/)
              .and.match(/membership_pkey/);
          }
        }
      });
    }
  }
});

/** Gives so many more users a membership, a key and a session each; what was analyzed before is forgotten. */
async function fill(test: TestStores, count: number): Promise<void> {
  for (const table of ['session', 'api_key', 'membership']) await test.asSuperuser(`truncate ${table}`);
  await test.asSuperuser(`delete from pg_statistic where starelid in ('"user"'::regclass, 'membership'::regclass)`);
  await test.asSuperuser(
    `with added as (
       insert into "user" (id, name, is_owner, default_workspace_id, created_at, mac)
       select gen_random_uuid(), 'more', false, w.id, now(), '\\x00' from workspace w, generate_series(1, $1::int)
       returning id, default_workspace_id as workspace_id
     ), members as (
       insert into membership (user_id, workspace_id, role, may_reveal, mac)
       select id, workspace_id, 'EDITOR', true, '\\x00' from added
     ), keys as (
       insert into api_key (id, workspace_id, user_id, name, hash, prefix, may_reveal, created_at, mac)
       select gen_random_uuid(), workspace_id, id, 'key', uuid_send(gen_random_uuid()), 'cof_', true, now(), '\\x00'
       from added
     )
     insert into session (id, user_id, hash, expires_at, created_at, mac)
     select gen_random_uuid(), id, uuid_send(gen_random_uuid()), now(), now(), '\\x00' from added`,
    [count],
  );
}
