import { expect } from 'chai';
import { ChainVerifier } from '../../../src/audit/chain-verifier.ts';
import { openDatabase, type Database } from '../../../src/store/postgres/database.ts';
import { pruneTrail } from '../../../src/store/trail/prune-trail.ts';
import type { Stores } from '../../../src/store/stores/stores.ts';
import { parseHead, type AuditHead } from '../../../src/vault/audit/audit-chain.ts';
import { noCiphers } from '../../audit/fixtures.ts';
import { createdAt, newEvent, openTestStores, type TestStores } from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

const old = createdAt;
const limit = new Date(old.getTime() + 1_000);
const young = limit;

describe('pruning the audit trail', () => {
  let test: TestStores;
  let owner: Database;
  /** A process that has ended, and one that still writes. */
  let ended: Stores;
  let running: Stores;
  let streams: [string, string];

  before(async () => {
    test = await openTestStores();
    owner = await openDatabase({ connection: test.target.connection, poolMax: 2, role: null, log: test.log });
  });

  after(async () => {
    await owner.close();
    await test.close();
  });

  beforeEach(async () => {
    await test.reset();
    ended = test.newStores();
    await write(ended, [old, old, old]);
    running = test.newStores();
    await write(running, [old, old, young, old, young]);
    streams = [streamOf(ended), streamOf(running)];
  });

  async function prune(before = limit, database = owner): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for await (const { stream, count } of pruneTrail({ database, chain: test.chain, clock: clock(), before })) {
      const name = nameOf(stream);
      counts[name] = (counts[name] ?? 0) + count;
    }
    return counts;
  }

  function nameOf(stream: string): string {
    return ['ended', 'running'][streams.indexOf(stream)] ?? stream;
  }

  async function verify(expected: ReadonlyMap<string, AuditHead> = new Map(), own: Stores = running) {
    const { auditHead } = own;
    return new ChainVerifier({
      chain: test.chain,
      ciphers: noCiphers,
      store: test.stores.auditTrail,
      ownHead: auditHead,
    }).verify(expected);
  }

  async function faults(expected?: ReadonlyMap<string, AuditHead>, own?: Stores): Promise<string[]> {
    const found = await verify(expected, own);
    return found.faults.map(({ kind, stream, sequence }) => `${kind} ${nameOf(stream)} ${sequence}`);
  }

  async function heads(): Promise<Map<string, AuditHead>> {
    const { heads: formatted } = await verify();
    return new Map(
      [...formatted].map(([stream, head]) => [stream, parseHead(head) ?? { sequence: 0, mac: Buffer.of() }]),
    );
  }

  const left = async () =>
    (await test.asSuperuser<{ stream: string; seq: string }>('select stream, seq from audit_event order by 1, 2')).map(
      ({ stream, seq }) => `${nameOf(stream)} ${seq}`,
    );

  it('deletes whole streams that have ended, and the beginning of others up to the first younger event', async () => {
    expect(await prune()).to.deep.equal({ ended: 3, running: 2 });
    expect(await left()).to.deep.equal(['running 3', 'running 4', 'running 5']);
    expect(await faults()).to.deep.equal([]);
  });

  for (const [times, count] of [
    ['old future old young', 3],
    ['future future old', 3],
    ['old young future old', 1],
    ['old future', 1],
  ] as const) {
    it(`is not held back by events that are dated in the future, where older ones are behind them: ${times}`, async () => {
      const dates = { old, young, future: new Date('2099-01-01T00:00:00Z') };
      const named = new Map<string, Date>(Object.entries(dates));
      const odd = test.newStores();
      await write(
        odd,
        times.split(' ').map((name) => named.get(name) ?? old),
      );
      await write(test.newStores(), [young]);
      expect(await prune()).to.include({ [streamOf(odd)]: count });
      expect(await faults()).to.deep.equal([]);
    });
  }

  it('does nothing the second time, and writes no line about it', async () => {
    await prune();
    expect(await prune()).to.deep.equal({});
    const [{ count } = { count: 0 }] = await test.asSuperuser<{ count: number }>(
      `select count(*)::int as count from audit_ledger where kind = 'prune'`,
    );
    expect(count).to.equal(2);
  });

  it('prunes on behind what was pruned before', async () => {
    await prune();
    expect(await prune(new Date(young.getTime() + 1))).to.deep.equal({ running: 2 });
    expect(await left()).to.deep.equal(['running 5']);
    expect(await faults()).to.deep.equal([]);
  });

  it('keeps the last event of a stream that no later start has put down, and lets it go on', async () => {
    await prune(new Date(young.getTime() + 1));
    expect(await left()).to.deep.equal(['running 5']);
    await write(running, [young]);
    expect(await left()).to.deep.equal(['running 5', 'running 6']);
    expect(await faults()).to.deep.equal([]);
  });

  it('lets a process go on whose whole stream is gone, since another one has started', async () => {
    const later = test.newStores();
    await write(later, [young]);
    expect(await prune(new Date(young.getTime() + 1))).to.include({ running: 5 });
    await write(running, [young, young]);
    expect(await faults()).to.deep.equal([]);
    expect(await faults(undefined, later)).to.deep.equal([]);
    await test.asSuperuser('delete from audit_event where stream = $1 and seq = 6', [streams[1]]);
    expect(await faults()).to.deep.equal(['REMOVED running 6']);
  });

  it('begins another stream behind a pruned one, which verifies', async () => {
    await prune();
    await write(test.newStores(), [young]);
    expect(await faults()).to.deep.equal([]);
  });

  it('hides no event that was removed or changed afterwards', async () => {
    await prune();
    await test.asSuperuser('delete from audit_event where stream = $1 and seq = 3', [streams[1]]);
    expect(await faults()).to.deep.equal(['REMOVED running 3']);
    await test.asSuperuser(`update audit_event set peer = 'x' where stream = $1 and seq = 4`, [streams[1]]);
    expect(await faults()).to.deep.equal(['REMOVED running 3', 'CHANGED running 4']);
    await test.asSuperuser('delete from audit_event where stream = $1', [streams[1]]);
    expect(await faults()).to.deep.equal(['TAIL_CUT running 3']);
  });

  it('shows an event that was put back', async () => {
    const [event] = await test.asSuperuser<object>('select * from audit_event where stream = $1 and seq = 2', [
      streams[1],
    ]);
    await prune();
    const columns = Object.keys(event ?? {});
    const places = columns.map((_, index) => `$${index + 1}`);
    await test.asSuperuser(
      `insert into audit_event (${columns.join(', ')}) values (${places.join(', ')})`,
      Object.values(event ?? {}),
    );
    expect(await faults()).to.include('CHANGED running 2');
  });

  it('shows a line of the ledger about it that was removed, changed or made up', async () => {
    await prune();
    await test.asSuperuser('create table kept as select * from audit_ledger');
    const tamper = async (statement: string) => {
      await test.asSuperuser(statement);
      const found = await faults();
      await test.asSuperuser('delete from audit_ledger');
      await test.asSuperuser('insert into audit_ledger select * from kept');
      return found;
    };
    expect(await tamper('delete from audit_ledger where number = 4')).to.deep.equal(['REMOVED running 1']);
    expect(await tamper('delete from audit_ledger where number >= 3')).to.have.members([
      'STREAM_MISSING ended 1',
      'REMOVED running 1',
    ]);
    expect(await tamper(`update audit_ledger set heads = '{}' where number = 4`)).to.have.members([
      'CHANGED ledger 4',
      'REMOVED running 1',
    ]);
    expect(
      await tamper(
        `insert into audit_ledger select 5, kind, stream, time, heads, mac from audit_ledger where number = 4`,
      ),
    ).to.deep.equal(['CHANGED ledger 5']);
    await test.asSuperuser('drop table kept');
    expect(await faults()).to.deep.equal([]);
  });

  it('is no fault to who expects heads from before it, and one to who expects others', async () => {
    const expected = await heads();
    const seen = ended.auditHead() ?? { sequence: 0, mac: Buffer.of() };
    await prune();
    expect([...(await verify()).heads.keys()]).to.deep.equal([streams[1]]);
    expect(await faults(expected)).to.deep.equal([]);
    const [stream] = streams;
    expect(await faults(new Map([[stream, { ...seen, sequence: 4 }]]))).to.deep.equal(['TAIL_CUT ended 4']);
    expect(await faults(new Map([[stream, { ...seen, mac: Buffer.alloc(32) }]]))).to.deep.equal(['CHANGED ended 3']);
  });

  it('goes through streams that are longer than one transaction takes', async function () {
    this.timeout(60_000);
    await Promise.all(Array.from({ length: 20_500 }, () => ended.audit.append(newEvent({ time: old }))));
    await write(test.newStores(), [young]);
    expect(await prune()).to.deep.equal({ ended: 20_503, running: 2 });
    expect(await faults()).to.deep.equal([]);
  });

  it('goes on beside a process that writes', async () => {
    const writing = write(
      running,
      Array.from({ length: 50 }, () => young),
    );
    await prune();
    await writing;
    expect(await faults()).to.deep.equal([]);
  });

  it('is nothing that the role of the server may do, and then leaves no line in the ledger', async () => {
    expect(await rejectionOf(prune(limit, test.database))).to.have.property('sqlState', '42501');
    expect(await left()).to.have.length(8);
    expect(await test.asSuperuser(`select from audit_ledger where kind = 'prune'`)).to.have.length(0);
  });
});

async function write(stores: Stores, times: readonly Date[]): Promise<void> {
  for (const time of times) await stores.audit.append(newEvent({ time }));
}

function streamOf(stores: Stores): string {
  return stores.auditHead()?.stream ?? '';
}

function clock() {
  return { now: () => new Date('2026-01-01T00:00:00.000Z') };
}
