import { expect } from 'chai';
import { addConsumers, dropOldConsumers } from '../../../src/store/credentials/consumer-statements.ts';
import { listPage } from '../../../src/store/search/list-statements.ts';
import { findTakenIds, findTakenNames } from '../../../src/store/credentials/credential-claims.ts';
import { findMatches } from '../../../src/store/credentials/credential-matching.ts';
import {
  addUses,
  findCredentials,
  findIdsOfShortIds,
  findSealedVersions,
  lockCredentials,
  updateCredentials,
} from '../../../src/store/credentials/credential-statements.ts';
import { openDatabase } from '../../../src/store/postgres/database.ts';
import { type Statement, StatementNames, combine } from '../../../src/store/postgres/statements/statement.ts';
import { shortIdOf } from '../../../src/vault/ids.ts';
import type { PageRequest } from '../../../src/vault/credentials/ports.ts';
import {
  createdAt,
  newCredential,
  newEvent,
  newId,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { planModes, planOf } from '../plans.ts';

/** How many credentials there are, in how many workspaces, and whether the server has counted them. */
interface Filling {
  readonly credentials: number;
  readonly workspaces: number;
  readonly isAnalyzed: boolean;
}

const fillings: readonly Filling[] = [
  { credentials: 0, workspaces: 1, isAnalyzed: false },
  { credentials: 1, workspaces: 1, isAnalyzed: false },
  { credentials: 1, workspaces: 1, isAnalyzed: true },
  { credentials: 300, workspaces: 1, isAnalyzed: false },
  { credentials: 300, workspaces: 1, isAnalyzed: true },
  { credentials: 5_000, workspaces: 1, isAnalyzed: false },
  { credentials: 5_000, workspaces: 1, isAnalyzed: true },
  { credentials: 5_000, workspaces: 1_000, isAnalyzed: false },
  { credentials: 5_000, workspaces: 1_000, isAnalyzed: true },
];

describe('the plans for credentials', () => {
  let test: TestStores;
  let workspaceId: string;

  before(async () => {
    test = await openTestStores();
    ({ id: workspaceId } = (await setUpInstance(test)).workspace);
    // Whether there are statistics is for the tests to say.
    for (const table of ['workspace', 'credential', 'credential_version']) {
      await test.asSuperuser(`alter table ${table} set (autovacuum_enabled = off)`);
    }
  });

  after(async () => {
    await test.close();
  });

  const names = new StatementNames('list');
  const place = () => ({ workspaceId, value: newId(), index: 0 });
  const match = () => ({ workspaceId, match: { name: 'n', provider: 'p', subject: 's', now: createdAt }, index: 0 });
  const claim = () => newCredential(workspaceId);
  const shortPlace = () => ({ workspaceId, value: shortIdOf(newId()), index: 0 });
  const page = (changes: Partial<PageRequest> = {}) =>
    listPage({ workspaceId, order: 'ascending', size: 10, now: createdAt, signal: patience, ...changes }, names);
  const use = () => ({ workspaceId, id: newId(), lastUsedAt: createdAt, uses: 1 });

  const consumer = () => ({
    workspaceId,
    credentialId: newId(),
    id: newId(),
    kind: 'user' as const,
    name: 'n',
    lastUsedAt: createdAt,
  });

  /** The check of the foreign key when a version is added, which runs as the owner of the tables. */
  const foreignKeyCheck = (): Statement => ({
    name: '',
    text: `select 1 from only "credential" x
      where "workspace_id" operator(pg_catalog.=) $1 and "id" operator(pg_catalog.=) $2 for key share of x`,
    values: [workspaceId, newId()],
  });

  const byKey: [string, () => Statement, RegExp][] = [
    ['by id', () => findCredentials('id', [place()], { sealed: false }), /credential_pkey/],
    [
      'by id, sealed',
      () => findCredentials('id', [place()], { sealed: true }),
      /credential_pkey[^]*credential_version_pkey/,
    ],
    ['by short id', () => findCredentials('shortId', [shortPlace()], { sealed: false }), /credential_short_id_unique/],
    [
      'by short id, sealed',
      () => findCredentials('shortId', [shortPlace()], { sealed: true }),
      /credential_short_id_unique[^]*credential_version_pkey/,
    ],
    ['by name', () => findCredentials('name', [place()], { sealed: false }), /credential_name_index|exclusive_name/],
    ['that match a name', () => findMatches('name', [match()], [newId()]), matchPlan('credential_name_index')],
    ['that match a subject', () => findMatches('subject', [match()], []), matchPlan('credential_subject_index')],
    [
      'that match a subject and a provider',
      () => findMatches('subjectAndProvider', [match()], []),
      matchPlan('credential_subject_index'),
    ],
    ['behind short ids', () => findIdsOfShortIds([shortPlace()]), /credential_short_id_unique/],
    ['for locking them', () => lockCredentials([place()]), /credential_pkey/],
    ['for their sealed versions', () => findSealedVersions([place()]), /credential_pkey[^]*credential_version_pkey/],
    [
      'for changing them',
      () => combine(updateCredentials([{ credential: newCredential(workspaceId), mac: Buffer.alloc(32) }])),
      /credential_pkey/,
    ],
    ['by an exclusive name that may be taken', () => findTakenNames([claim()]), /exclusive_name_unique/],
    ['by an id that may be taken', () => findTakenIds([claim()]), /credential_pkey[^]*credential_short_id_unique/],
    ['for counting uses', () => addUses([use()]), /credential_pkey/],
    [
      'with their consumers',
      () => findCredentials('id', [place()], { sealed: false, withConsumers: true }),
      /credential_pkey[^]*credential_consumer_pkey/,
    ],
    ['for adding consumers', () => addConsumers([consumer()]), /credential_pkey/],
    [
      'for dropping old consumers',
      () => dropOldConsumers([consumer()]),
      /credential_consumer_pkey[^]*credential_consumer_pkey/,
    ],
    ['for a new version of them', foreignKeyCheck, /credential_pkey/],
  ];
  const pages: [string, () => Partial<PageRequest>, string][] = [
    ['the first page', () => ({}), 'credential_list_index'],
    ['the page behind a place', () => ({ after: newId() }), 'credential_list_index'],
    ['the page before a place', () => ({ before: newId() }), 'credential_list_index'],
    ['a page backwards', () => ({ after: newId(), order: 'descending' }), 'credential_list_index'],
    ['the first page by name', () => ({ sortBy: 'name' }), 'credential_name_order_index'],
    ['the page behind a place by name', () => ({ sortBy: 'name', after: newId() }), 'credential_name_order_index'],
  ];

  for (const filling of fillings) {
    const { credentials, workspaces, isAnalyzed } = filling;
    const statistics = isAnalyzed ? 'with statistics' : 'without statistics';

    describe(`of ${credentials} in ${workspaces} workspaces, ${statistics},`, () => {
      before(async () => {
        await fill(test, workspaceId, filling);
      });

      for (const mode of planModes) {
        for (const [way, statement, indexes] of byKey) {
          it(`find them ${way} by an index (${mode})`, async () => {
            const plan = await planOf(test.database, statement(), { workspaces: [workspaceId], mode });
            expect(plan).to.match(indexes).and.not.include('Seq Scan');
          });
        }
        if (credentials > 1 && mode === 'force_generic_plan') {
          it(`compare no use with a credential that is not its own (${mode})`, async () => {
            const uses = addUses(Array.from({ length: 256 }, use));
            const plan = await planOf(test.database, uses, { workspaces: [workspaceId], mode });
            expect(plan).not.to.include('Join Filter');
          });
        }
        for (const [title, changes, index] of pages) {
          it(`read ${title} off an index, without sorting (${mode})`, async () => {
            const plan = await planOf(test.database, page(changes()), { workspaces: [workspaceId], mode });
            expect(plan)
              .to.include(`using ${index} on`)
              .and.not.match(/Sort|Seq Scan/);
          });
        }
      }
    });
  }

  it('are made once a session, however many decisions and uses follow', async () => {
    const database = await openDatabase({ ...test.target, poolMax: 1, role: 'coffer_app', log: test.log });
    const { credentials } = test.newStores(database);
    const event = newEvent();
    for (let call = 0; call < 8; call += 1) {
      const reference = { id: newId() };
      await credentials.decide({ workspaceId, reference, sealed: true, signal: patience }, () => ({
        event,
        answer: 1,
      }));
      await credentials.list({ workspaceId, order: 'ascending', size: 10, now: createdAt, signal: patience });
      await credentials.recordUses([use()]);
    }
    const text = `select name, custom_plans::int as times from pg_prepared_statements where custom_plans > 0`;
    const planned = await database.query({ name: '', text, values: [] });
    await database.close();
    expect(planned).to.deep.equal([]);
  });
});

/** The plan of a match: by this index, and then by the keys of the only one. */
function matchPlan(index: string): RegExp {
  return new RegExp(`(?=[^]*${index})[^]*credential_pkey[^]*credential_version_pkey`);
}

/** Empties the tables of credentials as if they were new, and fills them. */
async function fill(
  test: TestStores,
  workspaceId: string,
  { credentials, workspaces, isAnalyzed }: Filling,
): Promise<void> {
  await test.asSuperuser('truncate credential, credential_version');
  await test.asSuperuser(`delete from workspace where name = 'more'`);
  await test.asSuperuser(
    `insert into workspace (id, name, created_by, created_at)
     select gen_random_uuid(), 'more', gen_random_uuid(), now() from generate_series(2, $1::int)`,
    [workspaces],
  );
  await test.asSuperuser(
    `insert into credential (workspace_id, id, name, created_at, provider, auth_type, tags, labels, is_active, use_count,
       current_version, revision, origin, created_by, updated_at)
     select w.ids[1 + n % cardinality(w.ids)], gen_random_uuid(), n::text, now() + n * interval '1 second', 'openai',
       'api_key', '{}', '{}', true, 0, 1, 1, 'coffer', gen_random_uuid(), now()
     from generate_series(1, $1::int) as n, (select array_agg(id order by id = $2 desc) as ids from workspace) as w`,
    [credentials, workspaceId],
  );
  await test.asSuperuser(
    `insert into credential_version (workspace_id, credential_id, version, sealed, key_id, created_by, created_at)
     select workspace_id, id, 1, '\\x00', '\\x00', created_by, created_at from credential`,
  );
  if (isAnalyzed) await test.asSuperuser('analyze workspace, credential, credential_version');
}
