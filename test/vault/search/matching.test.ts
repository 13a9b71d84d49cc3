import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Call } from '../../../src/vault/caller.ts';
import { callIn, openRealVault, type RealVault } from '../real-vault.ts';
import {
  anyFilter,
  anyOrder,
  creators,
  labelKeys,
  modelTimes,
  now,
  words,
  type ModelCredential,
} from './filter-model.ts';

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
    for (const credential of stored) await store(real, credential);
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

const anyWord = fc.constantFrom(...words);
const anyTime = fc.constantFrom(...modelTimes).map((time) => new Date(time));
const optionally = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null, freq: 2 });

const anyCredential: fc.Arbitrary<ModelCredential> = fc.record({
  id: fc.uuid(),
  name: anyWord,
  provider: anyWord,
  auth_type: anyWord,
  category: optionally(anyWord),
  scope: optionally(anyWord),
  subject: optionally(anyWord),
  origin: fc.constantFrom('coffer', 'scale'),
  created_by: fc.constantFrom(...creators),
  tags: fc.uniqueArray(anyWord, { maxLength: 4 }),
  labels: fc.dictionary(fc.constantFrom(...labelKeys), anyWord, { maxKeys: 3 }),
  is_active: fc.boolean(),
  use_count: fc.integer({ min: 0, max: 3 }),
  created_at: anyTime,
  updated_at: anyTime,
  expires_at: optionally(anyTime),
  last_used_at: optionally(anyTime),
  deleted_at: optionally(anyTime),
});

async function store(real: RealVault, credential: ModelCredential): Promise<void> {
  const row = { ...credential, labels: JSON.stringify(credential.labels), current_version: 1, revision: 1 };
  const columns = Object.keys(row);
  const values = columns.map((_, index) => `$${index + 2}`);
  await real.asSuperuser(
    `insert into credential (workspace_id, ${columns.join(', ')}) values ($1, ${values.join(', ')})`,
    [real.call.workspaceId, ...Object.values(row)],
  );
}
