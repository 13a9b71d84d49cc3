import { createHash } from 'node:crypto';
import { expect } from 'chai';
import {
  AuthenticationCache,
  authenticationCacheLimits,
  type LookupOutcome,
} from '../../src/authentication/authentication-cache.ts';
import type { AccessChanges } from '../../src/vault/identity/ports.ts';
import type { Membership, UserAccess } from '../../src/vault/identity/identity.ts';
import { ManualAccessChanges } from './manual-access-changes.ts';
import { someUser } from './memory-access-store.ts';

interface Found {
  readonly id: string;
  readonly version: number;
  readonly access: UserAccess;
}

const hashOf = (text: string) => createHash('sha256').update(text).digest();

function found(id: string, change: Partial<Found> = {}): Found {
  return { id, version: 1, access: { user: someUser({ id: `user of ${id}` }), memberships: [] }, ...change };
}

function newCache(accessChanges: AccessChanges) {
  const ways: LookupOutcome[] = [];
  const known = new AuthenticationCache<Found>({
    accessChanges,
    subject: ({ id }) => ({ kind: 'api_key', id }),
    extraBytes: () => 0,
    isWorthKeeping: ({ version }) => version >= 0,
    onLookup: (way) => ways.push(way),
  });
  return { known, ways };
}

describe('what is cached of authentications', () => {
  let accessChanges: ManualAccessChanges;
  let known: AuthenticationCache<Found>;
  let ways: LookupOutcome[];

  beforeEach(() => {
    accessChanges = new ManualAccessChanges();
    ({ known, ways } = newCache(accessChanges));
  });

  const find = (name: string, answer: Found | undefined = found(name)) => known.find(hashOf(name), async () => answer);

  it('is searched for once', async () => {
    const first = await find('a');
    expect(await find('a', found('another'))).to.equal(first);
    expect(ways).to.deep.equal(['miss', 'hit']);
  });

  it('is by the whole hash', async () => {
    await find('a');
    expect(await find('b')).to.deep.equal(found('b'));
  });

  it('is not that a token is unknown', async () => {
    expect(await known.find(hashOf('a'), async () => undefined)).to.equal(undefined);
    expect(await find('a')).to.deep.equal(found('a'));
  });

  it('is not a token that can never authenticate', async () => {
    await find('a', found('a', { version: -1 }));
    await find('a');
    expect(ways).to.deep.equal(['miss', 'miss']);
  });

  it('is passed by while notices can not be relied on, and nothing is learnt then', async () => {
    await find('a');
    accessChanges.current = false;
    expect(await find('a', found('a', { version: 2 }))).to.deep.include({ version: 2 });
    expect(await find('b')).to.deep.equal(found('b'));
    accessChanges.current = true;
    await find('b');
    expect(ways).to.deep.equal(['miss', 'bypassed', 'bypassed', 'miss']);
  });

  for (const change of [
    { kind: 'api_key', id: 'a' },
    { kind: 'user', id: 'user of a' },
    { kind: 'workspace', id: 'some' },
    { kind: 'any' },
  ] as const) {
    it(`is forgotten when it is notified of a change: ${change.kind}`, async () => {
      await find('a');
      accessChanges.notify(change);
      expect(await find('a', found('a', { version: 2 }))).to.deep.include({ version: 2 });
    });
  }

  it('stays when something else has changed', async () => {
    await find('a');
    accessChanges.notify({ kind: 'api_key', id: 'b' });
    accessChanges.notify({ kind: 'session', id: 'a' });
    accessChanges.notify({ kind: 'user', id: 'a' });
    await find('a');
    expect(ways).to.deep.equal(['miss', 'hit']);
  });

  it('is not what was searched for while something changed', async () => {
    const { promise, resolve } = Promise.withResolvers<Found>();
    const searching = known.find(hashOf('a'), () => promise);
    accessChanges.notify({ kind: 'api_key', id: 'a' });
    resolve(found('a'));
    expect(await searching).to.deep.equal(found('a'));
    await find('a');
    expect(ways).to.deep.equal(['miss', 'miss']);
  });

  it('does not keep a failure', async () => {
    const failing = known.find(hashOf('a'), () => Promise.reject(new Error('away')));
    expect(
      await failing.then(
        () => undefined,
        (error: unknown) => error,
      ),
    ).to.be.an('error');
    expect(await find('a')).to.deep.equal(found('a'));
  });

  it('is bounded in number, and the oldest goes first', async () => {
    for (let index = 0; index <= authenticationCacheLimits.entries; index += 1) await find(String(index));
    expect(known.size.entries).to.be.at.most(authenticationCacheLimits.entries);
    ways.length = 0;
    await find(String(authenticationCacheLimits.entries));
    await find('0');
    expect(ways).to.deep.equal(['hit', 'miss']);
  });

  it('is bounded in bytes', async () => {
    const membership = { workspaceId: 'w', userId: 'u', role: 'VIEWER', mayReveal: false } as const;
    const memberships = Array.from({ length: 1_000 }, (): Membership => membership);
    for (let index = 0; index < 200; index += 1) {
      const id = String(index);
      await find(id, found(id, { access: { user: someUser({ id }), memberships } }));
    }
    expect(known.size.entries).to.be.within(1, 199);
    expect(known.size.bytes).to.be.within(1, authenticationCacheLimits.bytes);
  });

  it('is not what would take most of the room', async () => {
    await find('small');
    const memberships = JSON.parse(`[${Array.from({ length: 20_000 }, () => '{}').join()}]`);
    await find('large', found('large', { access: { user: someUser(), memberships } }));
    expect(known.size.entries).to.equal(1);
  });

  it('takes no room for what is forgotten', async () => {
    await find('a');
    await find('b');
    accessChanges.notify({ kind: 'api_key', id: 'a' });
    accessChanges.notify({ kind: 'user', id: 'user of b' });
    expect(known.size).to.deep.equal({ entries: 0, bytes: 0 });
    await find('a');
    accessChanges.notify({ kind: 'any' });
    expect(known.size).to.deep.equal({ entries: 0, bytes: 0 });
  });

  it('is never older than the last notification, whatever the order of changes, notifications and lookups', async () => {
    for (let seed = 1; seed <= 300; seed += 1) await checkRandomHistory(seed);
  });
});

/**
 * Lets changes, their notices (in order, but late), searches and their ends happen in a random order, and checks that no
 * answer is older than the last change that was told when its search began.
 */
async function checkRandomHistory(seed: number): Promise<void> {
  const random = randomNumbers(seed);
  const accessChanges = new ManualAccessChanges();
  const { known } = newCache(accessChanges);
  const ids = ['a', 'b', 'c'];
  const versions = new Map(ids.map((id) => [id, 1]));
  const told = new Map(ids.map((id) => [id, 1]));
  const late: { readonly id: string; readonly version: number }[] = [];
  const searches = new Set<() => void>();
  const checks: Promise<void>[] = [];
  const check = async (id: string, leastVersion: number, search: () => Promise<Found>) => {
    const answer = await known.find(hashOf(id), search);
    expect(answer?.version, `seed ${seed}`).to.be.at.least(leastVersion);
  };
  const steps = [
    (id: string) => {
      const version = (versions.get(id) ?? 0) + 1;
      versions.set(id, version);
      late.push({ id, version });
    },
    () => {
      const notice = late.shift();
      if (!notice) return;
      told.set(notice.id, notice.version);
      accessChanges.notify(
        random() < 0.5 ? { kind: 'api_key', id: notice.id } : { kind: 'user', id: `user of ${notice.id}` },
      );
    },
    (id: string) => {
      const leastVersion = told.get(id) ?? 0;
      const search = async () => {
        const answer = found(id, { version: versions.get(id) ?? 0 });
        const { promise, resolve } = Promise.withResolvers<Found>();
        searches.add(() => resolve(answer));
        return promise;
      };
      checks.push(check(id, leastVersion, search));
    },
    () => {
      const [end] = searches;
      if (!end) return;
      searches.delete(end);
      end();
    },
    () => {
      // As when the connection is lost and found: whatever was to be told is never told one by one.
      if (random() > 0.1) return;
      late.length = 0;
      for (const [id, version] of versions) told.set(id, version);
      accessChanges.notify({ kind: 'any' });
    },
  ];
  for (let step = 0; step < 200; step += 1) {
    const id = ids[Math.floor(random() * ids.length)] ?? 'a';
    steps[Math.floor(random() * steps.length)]?.(id);
    if (random() < 0.3) await Promise.resolve();
  }
  for (const end of searches) end();
  await Promise.all(checks);
}

/** Numbers from 0 to 1, the same ones for the same seed. @see https://en.wikipedia.org/wiki/Xorshift */
function randomNumbers(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
