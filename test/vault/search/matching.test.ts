import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Call } from '../../../src/vault/caller.ts';
import { callIn, openRealVault, type RealVault } from '../real-vault.ts';
import { anyFilter, anyOrder, now, type ModelCredential } from './filter-model.ts';
import { anyCredential, insertModels } from './stored-model.ts';

const credentials = 80;
const runs = 300;

describe('searching credentials', function () {
  this.timeout(120_000);
  let real: RealVault;
  let stored: readonly ModelCredential[];

  before(async () => {
    real = await openRealVault();
    real.clock.timeMs = now.getTime();
    stored = fc.sample(anyCredential, { seed: 160, numRuns: credentials });
    await insertModels(real.asSuperuser, real.call.workspaceId, stored);
  });

  after(async () => {
    await real.close();
  });

  /** The ids on all pages, and the number of pages. */
  const idsOf = async (query: { filter: string; orderBy: string; pageSize: number }, call: Call = real.call) => {
    const ids: string[] = [];
    let pageToken = '';
    let total: number | undefined;
    do {
      const page = await real.search.search(call, {
        ...query,
        pageToken,
        showDeleted: true,
        includeTotalSize: pageToken === '',
      });
      ids.push(...page.credentials.map(({ id }) => id));
      total ??= page.totalSize;
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(total).to.equal(ids.length);
    return ids;
  };

  it('finds what the filter means, in the order that is asked for, on pages of every size', async () => {
    const search = fc.asyncProperty(
      anyFilter,
      anyOrder,
      fc.integer({ min: 9, max: 100 }),
      async (filter, order, pageSize) => {
        const expected = stored.filter(filter.matches).toSorted(order.compare);
        const found = await idsOf({ filter: filter.text, orderBy: order.text, pageSize });
        expect(found, `${filter.text} by ${order.text}`).to.deep.equal(expected.map(({ id }) => id));
      },
    );
    await fc.assert(search, { numRuns: runs });
  });

  it('finds for a scoped key what is in its scope, whatever the filter', async () => {
    const call = callIn(real.call.workspaceId, {
      keyScope: { providers: ['a', 'ab', 'openai', 'x*'], tags: ['a', 'A', '%'], credentialIds: [], subjects: [] },
    });
    const search = fc.asyncProperty(anyFilter, anyOrder, async (filter, order) => {
      const expected = stored.filter((one) => isInScope(one) && filter.matches(one)).toSorted(order.compare);
      const found = await idsOf({ filter: filter.text, orderBy: order.text, pageSize: 2 }, call);
      expect(found, filter.text).to.deep.equal(expected.map(({ id }) => id));
    });
    await fc.assert(search, { numRuns: runs / 4 });
  });
});

function isInScope({ provider, tags }: ModelCredential): boolean {
  return ['a', 'ab', 'openai', 'x*'].includes(provider) && tags.some((tag) => ['a', 'A', '%'].includes(tag));
}
