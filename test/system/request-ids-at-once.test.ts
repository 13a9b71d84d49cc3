import { expect } from 'chai';
import { Client } from 'pg';
import { allBoundRpcs, nameOfRpc } from '../support/bound-rpcs.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import {
  countNamed,
  creationOf,
  credentialsPath,
  reasonOf,
  sendKeyed,
  type KeyedCall,
  type KeyedReply,
} from '../support/keyed-requests.ts';
import { mutationSamples } from '../support/mutation-samples.ts';

const dayMs = 86_400_000;

/** The first of these calls may change what the others look for. Of reports of leaks, there may be ten a minute. */
const namingWhatChanges = allBoundRpcs().flatMap(({ rpc: { method, repetition } }) => {
  const [name, path] = [nameOfRpc(method), `/${method.parent.typeName}/${method.name}`];
  const sample = mutationSamples[name];
  return repetition?.isLookedUpFirst && sample && method.name !== 'ReportLeak' ? [{ name, path, sample }] : [];
});

describe('request ids of two processes on one database', () => {
  let coffer: TestCoffer;
  let neighbour: TestCoffer;
  let elapsedMs = 0;
  const now = () => new Date(Date.now() + elapsedMs);

  before(async () => {
    coffer = await startCoffer({ now });
    neighbour = await startCoffer({ now, database: coffer.database, environment: coffer.environment });
  });
  after(async () => {
    await neighbour.stop();
    await coffer.stop();
  });

  const send = (call: KeyedCall, at = coffer): Promise<KeyedReply> => sendKeyed(at, call);

  it('give all of many requests at once one effect and one answer, in one process and in two', async () => {
    for (const [name, others] of [
      ['at one', coffer],
      ['at two', neighbour],
    ] as const) {
      const sent = Array.from({ length: 24 }, (_, index) =>
        send({ ...creationOf(name), key: name }, index % 2 === 0 ? coffer : others),
      );
      const replies = await Promise.all(sent);
      expect(new Set(replies.map(({ text }) => text)).size, name).to.equal(1);
      expect(replies.map(({ status }) => status)).to.deep.equal(replies.map(() => 200));
      expect(replies.filter(({ isReplayed }) => !isReplayed)).to.have.length(1);
      expect(await countNamed(coffer, name)).to.equal(1);
    }
  });

  for (const { name, path, sample } of namingWhatChanges) {
    it(`give all of many requests at once one answer, whatever the first has changed, by ${name}`, async () => {
      for (let round = 0; round < 4; round += 1) {
        const call = { method: 'POST', path, body: await sample(coffer), key: `${name} ${round}` };
        const sent = Array.from({ length: 16 }, (_, index) => send(call, index % 2 === 0 ? coffer : neighbour));
        const replies = await Promise.all(sent);
        expect(replies.map(({ status }) => status)).to.deep.equal(replies.map(() => 200));
        expect(replies.filter(({ isReplayed }) => !isReplayed)).to.have.length(1);
      }
    });
  }

  it('belong to one of two requests that use an id at once, and the other one is refused', async () => {
    for (const [round, others] of [coffer, neighbour, coffer, neighbour].entries()) {
      const key = `shared ${round}`;
      const names = [`${key}: one`, `${key}: other`];
      const callOf = (index: number) => ({ ...creationOf(names[index % 2] ?? ''), key });
      // What arrives while this is committed shares the next transaction.
      const unrelated = send(creationOf(`${key}: before`));
      const sent = Array.from({ length: 12 }, (_, index) => send(callOf(index), index % 3 === 0 ? others : coffer));
      const [, ...first] = await Promise.all([unrelated, ...sent]);
      const replies = [...first, await send(callOf(0), others), await send(callOf(1))];
      const counts = await Promise.all(names.map((name) => countNamed(coffer, name)));
      expect(counts).to.have.members([0, 1]);
      for (const [index, reply] of replies.entries()) {
        if (counts[index % 2] === 1) expect(reply.status, reply.text).to.equal(200);
        else expect([reply.status, reasonOf(reply)]).to.deep.equal([400, 'REQUEST_ID_REUSED']);
      }
    }
  });

  it('make a request wait for the first one in another process, and refuse it after two seconds', async () => {
    const client = new Client(coffer.database.connection);
    await client.connect();
    await client.query('begin; lock table audit_event in exclusive mode');
    const first = send({ ...creationOf('held'), key: 'held' });
    await waitForLock(client);
    const refused = await send({ ...creationOf('held'), key: 'held' }, neighbour);
    expect([refused.status, reasonOf(refused)]).to.deep.equal([409, 'REQUEST_IN_PROGRESS']);
    expect(refused.headers.get('retry-after')).to.equal('1');
    const unrelated = send({ method: 'GET', path: credentialsPath }, neighbour);
    expect((await unrelated).status).to.equal(200);
    const waiting = send({ ...creationOf('held'), key: 'held' }, neighbour);
    await client.query('rollback');
    await client.end();
    expect((await first).isReplayed).to.equal(false);
    expect(await waiting).to.deep.include({ status: 200, isReplayed: true, text: (await first).text });
  });

  it('are refused with a loss of data if their record was changed in the database', async () => {
    const client = new Client(coffer.database.connection);
    await client.connect();
    await send({ ...creationOf('tampered'), key: 'tampered' });
    for (const change of [`answer = '\\x00'`, `salt = '\\x00'`, `request_hash = salt`, 'mac = null', 'answer = null']) {
      await client.query('begin');
      await client.query(`create table kept as select * from idempotency`);
      await client.query(`update idempotency set ${change}`);
      await client.query('commit');
      const refused = await send({ ...creationOf('tampered'), key: 'tampered' });
      expect([refused.status, Object(refused.body).code], change).to.deep.equal([500, 'data_loss']);
      await client.query('delete from idempotency; insert into idempotency select * from kept; drop table kept');
    }
    await client.end();
    expect((await send({ ...creationOf('tampered'), key: 'tampered' })).isReplayed).to.equal(true);
  });

  it('count as unused after 24 hours', async () => {
    const create = { ...creationOf('daily'), key: 'daily' };
    const first = await send(create);
    elapsedMs += dayMs - 60_000;
    expect((await send(create)).text).to.equal(first.text);
    elapsedMs += 61_000;
    const next = await send(create, neighbour);
    expect([next.status, next.isReplayed, next.text === first.text]).to.deep.equal([200, false, false]);
    expect((await send(create)).text).to.equal(next.text);
    expect(await countNamed(coffer, 'daily')).to.equal(2);
  });
});

/** Resolves when a transaction waits for a lock of this session. */
async function waitForLock(client: Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query(
      'select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))',
    );
    if (rows.length > 0) return;
  }
}
