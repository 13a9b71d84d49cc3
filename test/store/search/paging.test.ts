import { expect } from 'chai';
import * as fc from 'fast-check';
import { CredentialSearcher, searchLimits } from '../../../src/store/search/credential-searcher.ts';
import type { Position } from '../../../src/vault/search/position.ts';
import { parseFilter } from '../../../src/vault/search/filter-parser.ts';
import { parseOrder } from '../../../src/vault/search/order.ts';
import { anyFilter, anyOrder, now, type ModelCredential } from '../../vault/search/filter-model.ts';
import { anyCredential, insertModels, updateModel } from '../../vault/search/stored-model.ts';
import { openTestStores, patience, setUpInstance, type TestStores } from '../fixtures.ts';

const runs = Number(process.env['SEARCH_RUNS'] ?? 300);
const steps = 40;

/** So small that pages end early, and that every kind of access path is taken. */
const limits = {
  ...searchLimits,
  looked: 7,
  lookedAtFirst: 2,
  candidates: { indexed: 4, unindexed: 1_000 },
  comparedEntries: 3,
};

/** What happens to the list between two pages. */
type Change =
  | { readonly kind: 'create'; readonly credential: ModelCredential }
  /** Of the credential at this place. */
  | { readonly kind: 'replace' | 'keepOrder'; readonly place: number; readonly credential: ModelCredential };

const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), credential: anyCredential }),
  fc.record({
    kind: fc.constantFrom('replace' as const, 'keepOrder' as const),
    place: fc.nat({ max: 30 }),
    credential: anyCredential,
  }),
);

/** A credential throughout the reading of the list. */
interface History {
  readonly isFromTheBeginning: boolean;
  present: ModelCredential;
  hasMoved: boolean;
  alwaysMatched: boolean;
}

describe('pages of a search while credentials are created and changed', function () {
  this.timeout(300_000);
  let test: TestStores;
  let workspaceId: string;

  before(async () => {
    test = await openTestStores();
    ({ id: workspaceId } = (await setUpInstance(test)).workspace);
  });

  after(async () => {
    await test.close();
  });

  it('skip and repeat no credential whose sort values stay, wherever they end', async () => {
    const searcher = new CredentialSearcher({ database: test.database, log: test.log, limits });
    const reading = fc.asyncProperty(
      fc.uniqueArray(anyCredential, { minLength: 5, maxLength: 20, selector: ({ id }) => id }),
      fc.array(anyChange, { minLength: steps, maxLength: steps, size: 'max' }),
      anyFilter,
      anyOrder,
      fc.integer({ min: 1, max: 4 }),
      async (stored, changes, filter, order, size) => {
        await test.asSuperuser('with gone as (delete from credential) delete from credential_term');
        await insertModels(test.asSuperuser, workspaceId, stored);
        const histories = new Map<string, History>();
        const begin = (present: ModelCredential, isFromTheBeginning: boolean) => {
          const alwaysMatched = filter.matches(present);
          histories.set(present.id, { present, isFromTheBeginning, hasMoved: false, alwaysMatched });
        };
        for (const credential of stored) begin(credential, true);
        const pending = [...changes];
        const request = { workspaceId, filter: parseFilter(filter.text), order: parseOrder(order.text), size, now };
        const found: string[] = [];
        for (let after: Position | undefined, isFirst = true; isFirst || after; isFirst = false) {
          const page = await searcher.search({ ...request, after, deletedToo: true, signal: patience });
          expect(page.credentials.length).to.be.at.most(size);
          found.push(...page.credentials.map(({ id }) => id));
          after = page.next;
          const change = pending.shift();
          if (change) await apply(change, histories, begin);
        }
        const stayed = [...histories.values()].filter(({ hasMoved }) => !hasMoved);
        for (const { alwaysMatched, isFromTheBeginning, present } of stayed) {
          const times = found.filter((id) => id === present.id).length;
          expect(times, `${filter.text} by ${order.text}: ${present.id}`).to.be.at.most(1);
          if (alwaysMatched && isFromTheBeginning) expect(times, `${filter.text} by ${order.text}`).to.equal(1);
        }
        const inOrder = found.flatMap((id) => stayed.filter(({ present }) => present.id === id));
        const sorted = inOrder.toSorted((one, other) => order.compare(one.present, other.present));
        expect(inOrder.map(({ present }) => present.id)).to.deep.equal(sorted.map(({ present }) => present.id));

        async function apply(change: Change, all: Map<string, History>, add: typeof begin): Promise<void> {
          if (change.kind === 'create') {
            if (all.has(change.credential.id)) return;
            await insertModels(test.asSuperuser, workspaceId, [change.credential]);
            add(change.credential, false);
            return;
          }
          const history = [...all.values()][change.place];
          if (!history) return;
          const { id, created_at, updated_at, name, provider, expires_at } = history.present;
          const keys = { created_at, updated_at, name, provider, expires_at };
          const next = { ...change.credential, id, ...(change.kind === 'keepOrder' && keys) };
          await updateModel(test.asSuperuser, workspaceId, next);
          history.hasMoved ||= order.compare(history.present, next) !== 0;
          history.alwaysMatched &&= filter.matches(next);
          history.present = next;
        }
      },
    );
    await fc.assert(reading, { numRuns: runs });
  });
});
