import { expect } from 'chai';
import { SqlCredentialChangeStore } from '../../../src/store/stores/credential-change-store.ts';
import type { Call } from '../../../src/vault/caller.ts';
import {
  CredentialWatch,
  watchesMax,
  watchesOfWorkspaceMax,
  type WatchItem,
} from '../../../src/vault/credentials/credential-watch.ts';
import { uuidV7 } from '../../../src/vault/ids.ts';
import { unscoped } from '../../../src/vault/key-scope.ts';
import {
  addCredential,
  newCredential,
  newEvent,
  newId,
  openTestStores,
  setUpInstance,
  type TestStores,
} from '../../store/fixtures.ts';
import { callIn, refusalOf } from '../real-vault.ts';

/** The next that happened. */
async function nextChange(news: AsyncIterator<WatchItem>): Promise<readonly [string, string]> {
  for (;;) {
    const { done, value } = await news.next();
    if (done === true) throw new Error('the watch has ended');
    if (value?.change) return [value.change.kind, value.change.credentialId];
  }
}

describe('the watch of credentials', () => {
  let test: TestStores;
  let workspaceId: string;
  let call: Call;
  let leaving: AbortController;
  /** When the clock is asked it is this, and a wait moves it on. */
  let nowMs: number;

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
    workspaceId = (await setUpInstance(test)).workspace.id;
    leaving = new AbortController();
    call = { ...callIn(workspaceId), signal: leaving.signal };
    nowMs = Date.now();
  });

  afterEach(() => leaving.abort());

  after(() => test.close());

  const newWatch = () =>
    new CredentialWatch({
      changes: new SqlCredentialChangeStore(test.database, test.grantMac),
      clock: { now: () => new Date(nowMs) },
      wait: async (ms) => {
        nowMs += ms;
      },
    });

  /** Writes an event as if it had been decided so long ago. */
  async function happen(action: string, agoMs: number, changes: object = {}): Promise<string> {
    const resourceId = newId();
    const time = new Date(nowMs - agoMs);
    const id = `${time
      .getTime()
      .toString(16)
      .padStart(12, '0')
      .replace(/^(.{8})/, '$1-')}-${newId().slice(14)}`;
    const event = newEvent({
      id,
      time,
      workspaceId,
      resourceId,
      ...JSON.parse(JSON.stringify({ action })),
      ...changes,
    });
    await test.stores.audit.append(event);
    return resourceId;
  }

  it('names each kind of change', async () => {
    const news = newWatch().watchCredentials(call);
    await news.next();
    for (const [action, kind] of [
      ['credentials.create', 'CREATED'],
      ['credentials.update', 'UPDATED'],
      ['credentials.activate', 'ACTIVATED'],
      ['credentials.deactivate', 'DEACTIVATED'],
      ['credentials.delete', 'DELETED'],
      ['secrets.add_version', 'SECRET_CHANGED'],
    ] as const) {
      const id = await happen(action, 0);
      expect(await nextChange(news)).to.deep.equal([kind, id]);
    }
  });

  it('streams no reveals, nothing that failed, of other things, and of other workspaces', async () => {
    const news = newWatch().watchCredentials(call);
    await news.next();
    await happen('secrets.reveal', 0);
    await happen('credentials.delete', 0, { outcome: 'FAILED' });
    await happen('credentials.delete', 0, { outcome: 'DENIED' });
    await happen('credentials.update', 0, { resourceKind: 'member' });
    await happen('credentials.update', 0, { workspaceId: newId() });
    const id = await happen('credentials.update', 0);
    expect(await nextChange(news)).to.deep.equal(['UPDATED', id]);
  });

  it('streams once what is committed long after it was decided', async () => {
    const news = newWatch().watchCredentials(call);
    await news.next();
    const late = await happen('credentials.update', 50_000);
    expect(await nextChange(news)).to.deep.equal(['UPDATED', late]);
    const next = await happen('credentials.delete', 0);
    expect(await nextChange(news)).to.deep.equal(['DELETED', next]);
  });

  it('streams once what a process decides whose clock is ahead', async () => {
    const news = newWatch().watchCredentials(call);
    await news.next();
    const early = await happen('credentials.update', -30_000);
    expect(await nextChange(news)).to.deep.equal(['UPDATED', early]);
    const next = await happen('credentials.delete', 0);
    expect(await nextChange(news)).to.deep.equal(['DELETED', next]);
  });

  it('does not stream what was there before it began', async () => {
    await happen('credentials.create', 10);
    const news = newWatch().watchCredentials(call);
    await news.next();
    const id = await happen('credentials.update', 0);
    expect(await nextChange(news)).to.deep.equal(['UPDATED', id]);
  });

  it('misses nothing where it goes on after another one', async () => {
    const first = newWatch().watchCredentials(call);
    const { value } = await first.next();
    await first.return(undefined);
    const missed = [];
    for (let index = 0; index < 5; index += 1) missed.push(await happen('credentials.update', 0));
    nowMs += 3_600_000;
    const news = newWatch().watchCredentials(call, value?.resumeToken);
    const told = [];
    for (let index = 0; index < 5; index += 1) told.push((await nextChange(news))[1]);
    expect(told).to.have.members(missed);
  });

  it('misses nothing where it breaks off while it streams the past', async () => {
    const { value } = await newWatch().watchCredentials(call).next();
    nowMs += 1_000;
    const missed = [await happen('credentials.update', 0), await happen('credentials.update', 0)];
    nowMs += 3_600_000;
    const brokenOff = newWatch().watchCredentials(call, value?.resumeToken);
    let last: WatchItem | undefined;
    while (!last?.change) last = (await brokenOff.next()).value ?? expect.fail();
    await brokenOff.return(undefined);
    const news = newWatch().watchCredentials(call, last.resumeToken);
    expect([last.change.credentialId, (await nextChange(news))[1]]).to.deep.equal(missed);
    const next = await happen('credentials.delete', 0);
    expect(await nextChange(news)).to.deep.equal(['DELETED', next]);
  });

  it('misses nothing and repeats nothing of more changes than a page has, wherever it breaks off', async () => {
    await happen('credentials.create', 0);
    await test.newStores().audit.append(newEvent({ workspaceId, resourceId: newId() }));
    const { value } = await newWatch().watchCredentials(call).next();
    let token = value?.resumeToken;
    const count = 2_500;
    // Two streams, by turns; the second one's clock is half a second behind.
    await test.asSuperuser(
      `insert into audit_event
       select (jsonb_populate_record(null::audit_event, to_jsonb(e) || jsonb_build_object(
         'seq', e.seq + n, 'resource_id', gen_random_uuid(), 'action', 'credentials.update', 'resource_state', n || '.1.x',
         'id', substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7000-8000-' || lpad(to_hex(n), 12, '0')))).*
       from generate_series(1, $1::int) as n
       join (
         select *, row_number() over (order by stream) as place
         from (select distinct on (stream) * from audit_event order by stream, seq desc) last
       ) as e on e.place = n % 2 + 1
       cross join lateral (select lpad(to_hex($2::bigint + n - 500 * (n % 2)), 12, '0') as hex) h`,
      [count, nowMs + 1_000],
    );
    nowMs += 3_600_000;
    const seen: number[] = [];
    for (const stop of [1, 700, 1_400, count]) {
      const news = newWatch().watchCredentials(call, token);
      while (seen.length < stop) {
        const { value: item } = await news.next();
        token = item?.resumeToken;
        if (item?.change) seen.push(item.change.revision);
      }
      await news.return(undefined);
    }
    expect(seen.toSorted((one, other) => one - other)).to.deep.equal(Array.from({ length: count }, (_, n) => n + 1));
    const last = newWatch().watchCredentials(call, token);
    const [id, next] = [uuidV7(nowMs, new Uint8Array(10)), newId()];
    const deletion = newEvent({ id, workspaceId, resourceId: next, action: 'credentials.delete' });
    await test.newStores().audit.append(deletion);
    expect(await nextChange(last)).to.deep.equal(['DELETED', next]);
  });

  it('gives news now and then where nothing happens', async () => {
    const news = newWatch().watchCredentials(call);
    const { value: first } = await news.next();
    const beganMs = nowMs;
    const { value: second } = await news.next();
    expect(second?.change).to.equal(undefined);
    expect(second?.resumeToken).not.to.equal(first?.resumeToken);
    expect(nowMs - beganMs).to.be.at.most(15_000);
  });

  it('keeps from a key what it is not for', async () => {
    const [grant] = call.caller.grants;
    const keyScope = { ...unscoped, tags: ['mine'] };
    const scoped = { ...call, caller: { ...call.caller, grants: grant ? [{ ...grant, keyScope }] : [] } };
    const news = newWatch().watchCredentials(scoped);
    await news.next();
    const [others, mine] = [newCredential(workspaceId), newCredential(workspaceId, { tags: ['mine'] })];
    for (const { id } of [await addCredential(test, others), await addCredential(test, mine)]) {
      await happen('credentials.update', 0, { resourceId: id });
    }
    expect((await nextChange(news))[1]).to.equal(mine.id);
  });

  it('is refused where too many watch one workspace, until one ends, while others have room', async () => {
    const watch = newWatch();
    const all = Array.from({ length: watchesOfWorkspaceMax }, () => watch.watchCredentials(call));
    await Promise.all(all.map((news) => news.next()));
    expect((await refusalOf(watch.watchCredentials(call).next())).code).to.equal('resource_exhausted');
    const elsewhere = watch.watchCredentials({ ...callIn(newId()), signal: leaving.signal });
    expect((await elsewhere.next()).done).to.equal(false);
    await all[0]?.return(undefined);
    expect((await watch.watchCredentials(call).next()).done).to.equal(false);
  });

  it('is refused where too many watch, whichever workspaces', async () => {
    const watch = newWatch();
    const calls = Array.from({ length: watchesMax / watchesOfWorkspaceMax }, () => callIn(newId()));
    const all = calls.flatMap((one) =>
      Array.from({ length: watchesOfWorkspaceMax }, () => watch.watchCredentials({ ...one, signal: leaving.signal })),
    );
    await Promise.all(all.map((news) => news.next()));
    expect((await refusalOf(watch.watchCredentials(call).next())).code).to.equal('resource_exhausted');
    await all[0]?.return(undefined);
    expect((await watch.watchCredentials(call).next()).done).to.equal(false);
  });

  it('is refused to callers who may not read', async () => {
    const nowhere = { ...call, caller: { ...call.caller, grants: [] } };
    expect((await refusalOf(newWatch().watchCredentials(nowhere).next())).code).to.equal('workspace_denied');
  });

  for (const token of ['', 'x', 'w', 'w-1', 'wZ', 'w1234567890']) {
    it(`refuses what is no token of news: "${token}"`, async () => {
      const { code, details } = await refusalOf(newWatch().watchCredentials(call, token).next());
      expect({ code, field: details.field }).to.deep.equal({ code: 'invalid_argument', field: 'resume_token' });
    });
  }
});
