import { expect } from 'chai';
import { AuthenticationCache, type LookupOutcome } from '../../src/authentication/authentication-cache.ts';
import { currentForMs, AccessChangeListener } from '../../src/store/identity/access-change-listener.ts';
import type { UserAccess } from '../../src/vault/identity/identity.ts';
import { openTestStores, setUpInstance, type TestStores } from '../store/fixtures.ts';

interface Found {
  readonly id: string;
  readonly version: number;
  readonly access: UserAccess;
}

const hash = Buffer.alloc(32, 1);
const changes = 400;

describe('cached authentications, with the notifications of a real PostgreSQL', () => {
  let test: TestStores;
  let channel: AccessChangeListener;

  before(async () => {
    test = await openTestStores();
    const { connection } = test.target;
    channel = new AccessChangeListener({ connection, role: 'coffer_app', database: test.database, log: test.log });
    await channel.start();
  });

  after(async () => {
    await channel[Symbol.asyncDispose]();
    await test.close();
  });

  it('are never older than a second, while rows change and the connection that listens is lost time and again', async () => {
    const { apiKey, owner, membership } = await setUpInstance(test);
    const ways: LookupOutcome[] = [];
    const known = new AuthenticationCache<Found>({
      accessChanges: channel,
      subject: ({ id }) => ({ kind: 'api_key', id }),
      extraBytes: () => 0,
      isWorthKeeping: () => true,
      onLookup: (way) => ways.push(way),
    });
    // The name stands for whatever a row grants.
    const statement = { name: 'version', text: 'select name from api_key where id = $1', values: [apiKey.id] };
    const search = async () => {
      const [row] = await test.database.query<{ readonly name: string }>(statement);
      return { id: apiKey.id, version: Number(row?.name), access: { user: owner, memberships: [membership] } };
    };
    /** When each version was there for certain, by its number. */
    const thereSince: number[] = [];
    const change = async (version: number) => {
      await test.asSuperuser('update api_key set name = $1', [String(version)]);
      thereSince[version] = performance.now();
    };
    await change(0);

    const over = new AbortController();
    const read = async () => {
      while (!over.signal.aborted) {
        const askedAtMs = performance.now();
        const found = await known.find(hash, search);
        const nextSince = thereSince[(found?.version ?? Number.NaN) + 1] ?? Number.POSITIVE_INFINITY;
        expect(askedAtMs - nextSince).to.be.below(currentForMs);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const write = async () => {
      for (let version = 1; version < changes; version += 1) {
        await change(version);
        if (version % 50 === 0) await deafen();
        // Now and then long enough for something to be kept in memory.
        for (let turn = 0; turn < version % 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      over.abort();
    };
    const deafen = () =>
      test.asSuperuser(
        "select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen coffer_grants' and datname = current_database()",
      );
    await Promise.all([write(), read(), read(), read()]);
    expect(new Set(ways)).to.deep.equal(new Set(['hit', 'miss', 'bypassed']));
  });
});
