import { expect } from 'chai';
import { CredentialSearcher, searchLimits, type SearchLimits } from '../../../src/store/search/credential-searcher.ts';
import { SearchSlots } from '../../../src/store/search/search-slots.ts';
import type { SearchRequest } from '../../../src/vault/credentials/search-ports.ts';
import { openDatabase, type Database } from '../../../src/store/postgres/database.ts';
import { parseFilter } from '../../../src/vault/search/filter-parser.ts';
import { parseOrder } from '../../../src/vault/search/order.ts';
import { vaultCodeOf } from '../../support/refusals.ts';
import {
  addCredential,
  createdAt,
  newCredential,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';

describe('the limits of searches', () => {
  let test: TestStores;
  let workspaceId: string;
  let database: Database;
  const opened: Database[] = [];

  before(async () => {
    test = await openTestStores(8);
    ({ id: workspaceId } = (await setUpInstance(test)).workspace);
    const ages = Array.from({ length: 50 }, (_, age) => age);
    for (const age of ages) {
      const created = new Date(createdAt.getTime() - age * 1_000);
      // The oldest has what the tests look for.
      const tags = age === 49 ? ['last'] : ['other'];
      await addCredential(
        test,
        newCredential(workspaceId, { createdAt: created, name: `n ${age}`, tags, category: tags[0] ?? '' }),
      );
    }
  });

  after(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await test.close();
  });

  /** On connections of its own, where the names of its statements are new. */
  const searcherOf = async (limits: Partial<SearchLimits> = {}) => {
    database = await openDatabase({ ...test.target, poolMax: 4, role: 'coffer_app', log: test.log });
    opened.push(database);
    return new CredentialSearcher({ database, log: test.log, limits: { ...searchLimits, ...limits } });
  };
  const requestOf = (filter: string, orderBy = '', changes: Partial<SearchRequest> = {}): SearchRequest => ({
    workspaceId,
    filter: parseFilter(filter),
    order: parseOrder(orderBy),
    after: undefined,
    size: 10,
    now: createdAt,
    signal: patience,
    ...changes,
  });

  it('end a page after the rows that it may look at, and continue there', async () => {
    const searcher = await searcherOf({ looked: 20, lookedAtFirst: 5 });
    const counts: number[] = [];
    let after: SearchRequest['after'];
    do {
      const page = await searcher.search(requestOf('category = last', '', { after }));
      counts.push(page.credentials.length);
      after = page.next;
    } while (after);
    expect(counts).to.deep.equal([0, 0, 1]);
  });

  it('end a page after its time, with what was found until then', async () => {
    const searcher = await searcherOf({ pageMs: 0, lookedAtFirst: 5 });
    const { credentials, next } = await searcher.search(requestOf('category = last'));
    expect(credentials).to.deep.equal([]);
    expect(next?.values).to.deep.equal([new Date(createdAt.getTime() - 4_000)]);
  });

  it('do not apply to what an index finds', async () => {
    const searcher = await searcherOf({ looked: 3, lookedAtFirst: 3 });
    for (const filter of ['tags:last', 'name = "n 49"', 'name = "n 49*"']) {
      for (const orderBy of ['', 'name', 'updated_at', 'provider, name', 'expires_at desc']) {
        const { credentials, next } = await searcher.search(requestOf(filter, orderBy));
        expect(
          credentials.map(({ name }) => name),
          `${filter} by ${orderBy}`,
        ).to.deep.equal(['n 49']);
        expect(next).to.equal(undefined);
      }
    }
  });

  it('refuse an order without an index over too many rows, and no other', async () => {
    const searcher = await searcherOf({ candidates: { indexed: 10, unindexed: 20 } });
    for (const orderBy of ['provider', 'expires_at desc', 'provider, created_at']) {
      expect(await reasonOf(searcher.search(requestOf('', orderBy)))).to.equal('TOO_MANY_ROWS');
      expect(await reasonOf(searcher.search(requestOf('tags:other', orderBy)))).to.equal('TOO_MANY_ROWS');
      expect((await searcher.search(requestOf('tags:last', orderBy))).credentials).to.have.length(1);
    }
    for (const orderBy of ['created_at', 'updated_at desc', 'name', 'name, provider']) {
      expect((await searcher.search(requestOf('tags:other', orderBy))).credentials).to.have.length(10);
    }
  });

  it('refuse a total that needs too long, which is no outage of the database', async () => {
    const searcher = await searcherOf({ statementMs: 50 });
    const session = await blockedWorkspaces(test);
    try {
      const failures = new Map(database.health.failures);
      expect(await reasonOf(searcher.count(requestOf('tags:last')))).to.equal('TOO_MANY_ROWS');
      expect(await reasonOf(searcher.search(requestOf('tags:last')))).to.equal('TOO_MANY_ROWS');
      const after = { values: [createdAt], id: workspaceId };
      expect(await reasonOf(searcher.search(requestOf('tags:last', '', { after })))).to.equal('TOO_MANY_ROWS');
      expect(database.health.failures).to.deep.equal(failures);
    } finally {
      await session.release();
    }
    expect(await searcher.count(requestOf('tags:last'))).to.equal(1);
  });

  it('let four searches of a workspace run at once, and those of another beside them', async () => {
    const slots = new SearchSlots(4);
    const gates: (() => void)[] = [];
    let running = 0;
    let most = 0;
    const search = (workspace: string, signal = patience) =>
      slots.run({ workspaceId: workspace, signal }, async () => {
        most = Math.max(most, (running += 1));
        await new Promise<void>((resolve) => gates.push(resolve));
        running -= 1;
      });
    const searches = Array.from({ length: 10 }, () => search('one'));
    const leaving = new AbortController();
    const left = vaultCodeOf(search('one', leaving.signal));
    await settled();
    expect(running).to.equal(4);
    searches.push(search('another'));
    await settled();
    expect(running).to.equal(5);
    leaving.abort();
    expect(await left).to.equal('canceled');
    const done = Promise.all(searches);
    for (let gate = gates.shift(); gate; gate = gates.shift()) {
      gate();
      await settled();
    }
    await done;
    expect(most).to.equal(5);
  });
});

/** Lets all that does not wait for a gate run. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

async function reasonOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error instanceof Object && 'details' in error && error.details instanceof Object
      ? Reflect.get(error.details, 'reason')
      : error;
  }
}

/** Makes every statement on credentials wait until it is released. */
async function blockedWorkspaces(test: TestStores) {
  await test.asSuperuser('begin');
  await test.asSuperuser('lock table credential in access exclusive mode');
  return { release: () => test.asSuperuser('rollback') };
}
