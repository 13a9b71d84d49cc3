import { expect } from 'chai';
import { ChainVerifier } from '../../src/audit/chain-verifier.ts';
import type { Stores } from '../../src/store/stores/stores.ts';
import { parseHead } from '../../src/vault/audit/audit-chain.ts';
import type { TrailVerification } from '../../src/vault/audit/verification.ts';
import { newEvent, openTestStores, type TestStores } from '../store/fixtures.ts';
import { noCiphers } from './fixtures.ts';

const eventsOfStream = 6;

describe('the audit trail, where somebody writes to the database', () => {
  let test: TestStores;
  /** Two processes that have ended, and one that verifies. */
  let streams: [string, string, string];
  let last: Stores;

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.empty('audit_event, audit_ledger');
    const ids: string[] = [];
    for (let number = 0; number < 3; number += 1) {
      last = test.newStores();
      for (let event = 0; event < eventsOfStream; event += 1) await last.audit.append(newEvent());
      ids.push(last.auditHead()?.stream ?? '');
    }
    const [one = '', two = '', three = ''] = ids;
    streams = [one, two, three];
  });

  after(async () => {
    await test.close();
  });

  /** Verifies as the last process does, or as one that has written nothing. */
  async function verify(expected: TrailVerification['heads'] = new Map(), stores?: Stores): Promise<TrailVerification> {
    const ownHead = stores?.auditHead ?? (() => undefined);
    const verifier = new ChainVerifier({
      chain: test.chain,
      ciphers: noCiphers,
      store: test.stores.auditTrail,
      ownHead,
    });
    const heads = [...expected].flatMap(([stream, text]) => {
      const head = parseHead(text);
      return head ? [[stream, head] as const] : [];
    });
    return verifier.verify(new Map(heads));
  }

  async function faults(expected?: TrailVerification['heads'], stores?: Stores): Promise<string[]> {
    const found = await verify(expected, stores);
    expect(found.intact).to.equal(found.faults.length === 0);
    return found.faults.map(({ kind, stream, sequence }) => {
      const name = streams.includes(stream) ? `stream ${streams.indexOf(stream) + 1}` : stream;
      return `${kind} ${name} ${sequence}`;
    });
  }

  const tamper = (text: string, values: unknown[] = []) => test.asSuperuser(text, values);

  it('is intact where nothing was changed, and returns its heads', async () => {
    const { intact, eventCount, heads, faults: found } = await verify();
    expect({ intact, eventCount, found }).to.deep.equal({ intact: true, eventCount: 18, found: [] });
    expect([...heads.keys()]).to.have.members(streams);
    for (const head of heads.values()) expect(head).to.match(/^6:[0-9a-f]{64}$/);
    expect(await faults(heads, last)).to.deep.equal([]);
  });

  it('verifies while it grows', async () => {
    const { heads } = await verify();
    const writing = Array.from({ length: 50 }, () => last.audit.append(newEvent()));
    expect(await faults(heads, last)).to.deep.equal([]);
    await Promise.all(writing);
    expect(await faults(heads, last)).to.deep.equal([]);
  });

  const changes: Record<string, string> = {
    time: `time = time + interval '1 millisecond'`,
    workspace: `workspace_id = id`,
    actor: `actor_id = 'another'`,
    action: `action = 'secrets.describe'`,
    outcome: `outcome = 'DENIED'`,
    peer: `peer = '10.0.0.1'`,
    count: 'count = 2',
    purpose: `purpose = 'another'`,
    version: 'version = 2',
    permission: `permission = 'secrets.reveal'`,
    'related resource': 'related_id = id',
    mac: `mac = decode(repeat('00', 32), 'hex')`,
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`shows a changed ${what}, in the first event, in the middle and in the last`, async () => {
      for (const sequence of [1, 3, 6]) {
        const [row] = await tamper('select * from audit_event where stream = $1 and seq = $2', [streams[1], sequence]);
        await tamper(`update audit_event set ${change} where stream = $1 and seq = $2`, [streams[1], sequence]);
        expect(await faults()).to.deep.equal([`CHANGED stream 2 ${sequence}`]);
        await tamper('delete from audit_event where stream = $1 and seq = $2', [streams[1], sequence]);
        await tamper('insert into audit_event select (jsonb_populate_record(null::audit_event, $1)).*', [
          stringify(row),
        ]);
        expect(await faults()).to.deep.equal([]);
      }
    });
  }

  it('shows where events were removed, at the beginning and in the middle', async () => {
    await tamper('delete from audit_event where stream = $1 and seq = 1', [streams[0]]);
    await tamper('delete from audit_event where stream = $1 and seq in (3, 4)', [streams[1]]);
    expect(await faults()).to.deep.equal(['REMOVED stream 1 1', 'REMOVED stream 2 3']);
  });

  it('shows a tail that was cut off, by what a later start has seen', async () => {
    await tamper('delete from audit_event where stream = $1 and seq > 4', [streams[1]]);
    expect(await faults()).to.deep.equal(['TAIL_CUT stream 2 5']);
  });

  it('shows the cut tail of the last stream to its own process, and by a head that was kept', async () => {
    const { heads } = await verify();
    await tamper('delete from audit_event where stream = $1 and seq > 4', [streams[2]]);
    expect(await faults()).to.deep.equal([]);
    expect(await faults(new Map(), last)).to.deep.equal(['TAIL_CUT stream 3 5']);
    expect(await faults(heads)).to.deep.equal(['TAIL_CUT stream 3 5']);
  });

  it('shows an event that was put in: behind the last, as a copy, and in the middle', async () => {
    const put = (sequence: number, from: number, other = '{}') =>
      tamper(
        `insert into audit_event select (jsonb_populate_record(e, jsonb_build_object('seq', $1::int) || $4)).*
         from audit_event e where stream = $2 and seq = $3`,
        [sequence, streams[2], from, other],
      );
    await put(7, 6, '{"actor_name": "nobody"}');
    expect(await faults(new Map(), last)).to.deep.equal(['INSERTED stream 3 7']);
    await tamper('delete from audit_event where stream = $1 and seq = 7', [streams[2]]);
    await put(7, 3);
    expect(await faults()).to.deep.equal(['INSERTED stream 3 7']);
    await tamper('delete from audit_event where stream = $1 and seq = 7', [streams[2]]);
    await tamper('update audit_event set seq = seq + 100 where stream = $1 and seq > 3', [streams[2]]);
    await tamper('update audit_event set seq = seq - 99 where stream = $1 and seq > 100', [streams[2]]);
    await put(4, 3, '{"actor_name": "nobody"}');
    expect((await faults(new Map(), last))[0]).to.equal('INSERTED stream 3 4');
  });

  it('shows events that were swapped', async () => {
    await tamper('update audit_event set seq = -1 where stream = $1 and seq = 2', [streams[1]]);
    await tamper('update audit_event set seq = 2 where stream = $1 and seq = 5', [streams[1]]);
    await tamper('update audit_event set seq = 5 where stream = $1 and seq = -1', [streams[1]]);
    expect(await faults()).to.deep.equal(['REORDERED stream 2 2', 'REORDERED stream 2 5']);
  });

  it('shows events that were moved to another stream', async () => {
    await tamper('update audit_event set stream = $2, seq = 7 where stream = $1 and seq = 6', [streams[0], streams[1]]);
    expect(await faults()).to.have.members(['TAIL_CUT stream 1 6', 'INSERTED stream 2 7']);
  });

  it('shows a stream whose events were all removed', async () => {
    await tamper('delete from audit_event where stream = $1', [streams[1]]);
    expect(await faults()).to.deep.equal(['STREAM_MISSING stream 2 1']);
  });

  it('shows a stream that was removed together with its line in the ledger', async () => {
    await tamper('delete from audit_event where stream = $1', [streams[1]]);
    await tamper('delete from audit_ledger where stream = $1', [streams[1]]);
    expect(await faults()).to.have.members(['REMOVED ledger 2', 'STREAM_MISSING stream 2 1']);
  });

  it('shows the last stream as missing to its own process, and by a head that was kept', async () => {
    const { heads } = await verify();
    await tamper('delete from audit_event where stream = $1', [streams[2]]);
    await tamper('delete from audit_ledger where stream = $1', [streams[2]]);
    expect(await faults()).to.deep.equal([]);
    expect(await faults(new Map(), last)).to.deep.equal(['STREAM_MISSING stream 3 1']);
    expect(await faults(heads)).to.deep.equal(['STREAM_MISSING stream 3 1']);
  });

  it('shows all streams as missing where everything was truncated', async () => {
    const { heads } = await verify();
    await tamper('truncate audit_event, audit_ledger');
    expect(await faults(heads)).to.have.members([1, 2, 3].map((number) => `STREAM_MISSING stream ${number} 1`));
  });

  it('shows a stream that the ledger does not know', async () => {
    await tamper(`update audit_event set stream = $2 where stream = $1`, [
      streams[2],
      '018cc251-f400-7000-8000-0000000000aa',
    ]);
    const found = await faults();
    expect(found).to.include('STREAM_MISSING stream 3 1');
    expect(found.some((fault) => fault.startsWith('INSERTED 018cc251-f400-7000-8000-0000000000aa'))).to.equal(true);
  });

  it('shows a line of the ledger that was changed', async () => {
    await tamper(`update audit_ledger set heads = '{}' where number = 2`);
    expect(await faults()).to.include('CHANGED ledger 2');
  });

  it('lets a process go on where its ledger was spoilt', async () => {
    await tamper(`update audit_ledger set heads = 'no JSON' where number = 2`);
    await test.newStores().audit.append(newEvent());
    expect(await faults()).to.include('CHANGED ledger 2');
  });

  it('reports at most a hundred faults, however many there are', async () => {
    await Promise.all(Array.from({ length: 300 }, () => last.audit.append(newEvent())));
    await tamper(`update audit_event set peer = 'x'`);
    const { intact, faults: found } = await verify();
    expect(intact).to.equal(false);
    expect(found.length).to.be.within(1, 100);
  });

  it('is verified where it holds ten thousand events', async function () {
    this.timeout(60_000);
    await Promise.all(Array.from({ length: 10_000 }, () => last.audit.append(newEvent())));
    const { intact, eventCount } = await verify(new Map(), last);
    expect({ intact, eventCount }).to.deep.equal({ intact: true, eventCount: 10_018 });
  });
});

/** A row as `jsonb_populate_record` takes it. */
function stringify(row: unknown): string {
  return JSON.stringify(row, function (this: object, name: string, value: unknown) {
    const raw: unknown = Reflect.get(this, name);
    return Buffer.isBuffer(raw) ? `\\x${raw.toString('hex')}` : value;
  });
}
