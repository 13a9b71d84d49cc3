import { expect } from 'chai';
import { accessPathsOf, wholeWorkspace, type AccessPath } from '../../../src/store/search/access-paths.ts';
import {
  countEntries,
  countMatches,
  sortCandidates,
  walkInOrder,
} from '../../../src/store/search/search-statements.ts';
import { type Statement, StatementNames } from '../../../src/store/postgres/statements/statement.ts';
import { parseFilter } from '../../../src/vault/search/filter-parser.ts';
import { parseOrder, type SortField } from '../../../src/vault/search/order.ts';
import { fillerOf, searched, searchedLabel } from '../../bench/fill-database.ts';
import {
  addCredential,
  createdAt,
  newCredential,
  newId,
  openTestStores,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';
import { planModes, planOf } from '../plans.ts';

const credentials = 100_000;
const lookedAtFirst = 1_000;

/** The searches that the benchmark makes, each in the order of its index, and the index. */
const searches: readonly (readonly [filter: string, orderBy: string, index: string])[] = [
  ['', '', 'credential_list_index'],
  ['', 'created_at', 'credential_list_index'],
  ['', 'name', 'credential_name_order_index'],
  ['', 'name desc', 'credential_name_order_index'],
  ['', 'updated_at desc', 'credential_updated_order_index'],
  ...[searched.percent, searched.three].flatMap((share) =>
    (
      [
        [`provider = "${share}"`, '', 'credential_provider_order_index'],
        [`provider = "${share}"`, 'created_at', 'credential_provider_order_index'],
        [`subject = "${share}"`, '', 'credential_subject_order_index'],
        [`tags:"${share}"`, '', 'credential_term_pkey'],
        [`tags:"${share}"`, 'created_at', 'credential_term_pkey'],
        [`labels.${searchedLabel} = "${share}"`, '', 'credential_term_pkey'],
        [`name = "${share}*"`, 'name', 'credential_name_order_index'],
        [`name = "${share}*" AND state = ACTIVE AND NOT tags:x`, 'name desc', 'credential_name_order_index'],
      ] as const
    ).map((search) => search),
  ),
];

/** Searches in another order than that of their index, whose few matches are sorted. */
const sorts: readonly (readonly [filter: string, orderBy: string, index: string])[] = [
  [`provider = "${searched.three}"`, 'name', 'credential_provider_order_index'],
  [`tags:"${searched.three}"`, 'provider, expires_at desc', 'credential_term_pkey'],
  [`tags:"${searched.three}" OR tags:"${searched.percent}"`, 'name', 'credential_term_pkey'],
  [`labels:${searchedLabel}`, '', 'credential_term_pkey'],
  [`labels.${searchedLabel} = "one o*"`, '', 'credential_term_pkey'],
  [`provider = "${searched.three}" OR provider = "none"`, '', 'credential_provider_order_index'],
  [`name = "${searched.three}*"`, 'expires_at', 'credential_name_order_index'],
];

const fillings = ['of few rows without statistics', 'whose rows are all alike', 'of a hundred thousand rows'] as const;

for (const filling of fillings) {
  describe(`the plans of searches in a table ${filling}`, function () {
    this.timeout(180_000);
    let test: TestStores;
    let workspaceId: string;
    const names = new StatementNames('search');

    before(async () => {
      test = await openTestStores();
      ({ id: workspaceId } = (await setUpInstance(test)).workspace);
      for (const table of ['credential', 'credential_version', 'credential_term']) {
        await test.asSuperuser(`alter table ${table} set (autovacuum_enabled = off)`);
      }
      await addCredential(test, newCredential(workspaceId));
      if (filling === 'of few rows without statistics') return;
      await test.asSuperuser(`create function uuidv7() returns uuid language sql as 'select gen_random_uuid()'`);
      const isSearched = filling === 'of a hundred thousand rows';
      const count = isSearched ? credentials : credentials / 10;
      await fillerOf(test.target.connection, { credentials: count, workspaces: 2, isSearched })(1);
    });

    after(async () => {
      await test.close();
    });

    const pathOf = (text: string, order: SortField | undefined): AccessPath => {
      const [path] = accessPathsOf(workspaceId, parseFilter(text));
      return path ?? wholeWorkspace(workspaceId, order);
    };
    const plan = (statement: Statement, mode: (typeof planModes)[number]) =>
      planOf(test.database, statement, { workspaces: [workspaceId], mode });

    for (const mode of filling === 'of few rows without statistics' ? planModes : (['force_generic_plan'] as const)) {
      for (const [text, orderBy, index] of searches) {
        for (const isFirst of [true, false]) {
          it(`walk ${index} for a ${isFirst ? 'first' : 'later'} page of "${text}" by "${orderBy}" (${mode})`, async () => {
            const criteria = criteriaOf(text, orderBy, isFirst);
            const path = pathOf(text, criteria.order[0]?.field);
            const walked = await plan(walkInOrder(path, criteria, { looked: lookedAtFirst, matches: 51 }, names), mode);
            expect(walked)
              .to.match(new RegExp(`^Limit`))
              .and.include(` ${index} on`)
              .and.not.match(/Sort|Seq Scan/);
            // A path of terms looks its rows up by their key.
            const others = [...walked.matchAll(/using (\w+) on credential/g)].map(([, used]) => used);
            expect(others.filter((used) => used !== index && used !== 'credential_pkey')).to.deep.equal([]);
            if (!isFirst) expect(walked, 'the position').to.match(/Index Cond: [^\n]*(ROW\(|<|>)/);
          });
        }
      }
      for (const [text, orderBy, index] of sorts) {
        it(`sort what ${index} finds for "${text}" by "${orderBy}" (${mode})`, async () => {
          const criteria = criteriaOf(text, orderBy, false);
          const sorted = await plan(
            sortCandidates(pathOf(text, undefined), criteria, { looked: 100, matches: 51 }, names),
            mode,
          );
          expect(sorted)
            .to.include(` ${index} on`)
            .and.not.match(/Seq Scan|credential_list_index/);
          // With too many entries, no row is read.
          expect(sorted).to.match(/One-Time Filter/);
        });
      }
      for (const [text, , index] of [...searches.slice(5), ...sorts]) {
        it(`count by ${index} what "${text}" finds (${mode})`, async () => {
          const path = pathOf(text, undefined);
          const counted = await plan(countMatches(path, criteriaOf(text, '', true), names), mode);
          // An order is not wanted: for a subject, the index by which secrets are resolved is as good.
          const isOfIndex = new RegExp(` ${index.replace('subject_order', 'subject(_order)?')} on`);
          expect(counted)
            .to.match(isOfIndex)
            .and.not.match(/Seq Scan/);
          expect(await plan(countEntries(path, 1_000, names), mode))
            .to.match(isOfIndex)
            .and.not.match(/Seq Scan/);
        });
      }
    }
  });
}

function criteriaOf(text: string, orderBy: string, isFirst: boolean) {
  const order = parseOrder(orderBy);
  const values = order.map(({ field }) => (field === 'name' || field === 'provider' ? 'one' : createdAt));
  const after = isFirst ? undefined : { values, id: newId() };
  return { filter: parseFilter(text), order, after, deletedToo: false, now: createdAt };
}
