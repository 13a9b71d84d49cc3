import { expect } from 'chai';
import { pino } from 'pino';
import { Client } from 'pg';
import { Writable } from 'node:stream';
import { until } from '../store/fixtures.ts';
import { runCoffer } from '../support/coffer-process.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';

/** What the database had before the failover, and lacks after it. */
type Loss = 'the last events' | 'every event of the process';

describe('events that the database loses in a failover', () => {
  let coffer: TestCoffer;
  let superuser: Client;
  let lines: Record<string, unknown>[];
  let keptId: string;

  beforeEach(async () => {
    lines = [];
    const destination = new Writable({
      write(chunk: Buffer, _encoding, done) {
        for (const line of String(chunk).split('\n').filter(Boolean)) lines.push(JSON.parse(line));
        done();
      },
    });
    coffer = await startCoffer({ log: pino(destination) });
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
    keptId = await create();
  });

  afterEach(async () => {
    await superuser.end();
    await coffer.stop();
  });

  async function create(): Promise<string> {
    const body = { credential: { name: 'a key' }, secret: { api_key: 'k' } };
    const created = await coffer.native('POST', '/v1/workspaces/default/credentials', body);
    return textOf(created, 'credential', 'id');
  }

  const reveal = () => coffer.native('POST', `/v1/workspaces/default/credentials/${keptId}:reveal`, {});

  const lastSequence = async () =>
    Number((await superuser.query('select max(seq) as last from audit_event')).rows[0].last);

  /** Leaves the database as a replica had it that lacks what was committed last. */
  async function fail(over: Loss, last: number): Promise<void> {
    await superuser.query('begin');
    if (over === 'the last events') {
      await superuser.query('delete from audit_event where seq > $1', [last]);
    } else {
      await superuser.query('truncate audit_event, audit_ledger');
    }
    await superuser.query('delete from credential_version where credential_id <> $1', [keptId]);
    await superuser.query('delete from credential where id <> $1', [keptId]);
    await superuser.query('commit');
    await superuser.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
  }

  const errors = () => lines.filter((line) => line['level'] === 50 && line['lostEvents'] !== undefined);

  async function readiness() {
    const response = await fetch(`${coffer.origin}/readyz`);
    return { status: response.status, body: await response.text() };
  }

  async function lostEvents(): Promise<string | undefined> {
    const text = await (await fetch(`${coffer.origin}/metrics`)).text();
    return /^coffer_trail_lost_events (\d+)$/m.exec(text)?.[1];
  }

  const verify = () => coffer.native('POST', '/v1/auditTrail:verify', {});

  it('are named in the log, in /readyz and in a metric while calls are answered, until their loss is acknowledged', async () => {
    const last = await lastSequence();
    for (let number = 0; number < 3; number += 1) await create();
    await fail('the last events', last);
    await until(async () => (await readiness()).body.includes('lost') && errors().length > 0);
    expect(errors()).to.have.length(1);
    expect(errors()[0]).to.include({ lostEvents: 3 });
    const named = `events ${last + 1} to ${last + 3} of stream `;
    const { body, status } = await readiness();
    expect([status, body.includes(named), JSON.parse(body).status]).to.deep.equal([200, true, 'ready']);
    expect(await lostEvents()).to.equal('3');
    await reveal();
    expect(await verify()).to.have.nested.property(
      'faults[0].message',
      `events ${last + 1} to ${last + 3} are missing at the end`,
    );
    const pruned = await runCoffer(['audit-prune', '--before', '2020-01-01'], coffer.environment);
    expect(pruned.exitCode).to.equal(1);

    const { exitCode, output } = await runCoffer(['audit-acknowledge-loss'], coffer.environment);
    expect([exitCode, output.includes(named)], output).to.deep.equal([0, true]);
    const { acknowledged_losses: losses, intact } = await verify();
    expect(intact).to.equal(true);
    expect(losses).to.have.length(1);
    expect(losses).to.have.nested.property('[0].first_sequence', String(last + 1));
    expect(losses).to.have.nested.property('[0].last_sequence', String(last + 3));
    await until(async () => (await lostEvents()) === '0');
    expect((await readiness()).body).to.equal('{"status":"ready"}');
    const again = await runCoffer(['audit-prune', '--before', new Date().toISOString()], coffer.environment);
    expect(again.exitCode, again.output).to.equal(0);
    expect(await verify()).to.include({ intact: true });
  }).timeout(60_000);

  for (const loss of ['the last events', 'every event of the process'] as const) {
    it(`leave no gap, and no call without its event, where the next call comes at once: ${loss}`, async () => {
      const last = await lastSequence();
      await create();
      await fail(loss, last);
      // Sessions have been ended under it.
      await until(async () => reveal().then(Boolean, () => false));
      await reveal();
      const { rows } = await superuser.query(
        `select action, count from audit_event where action in ('audit.lose', 'secrets.reveal') order by stream, seq`,
      );
      expect(rows.slice(0, 2)).to.deep.equal([
        { action: 'audit.lose', count: loss === 'the last events' ? 1 : last + 1 },
        { action: 'secrets.reveal', count: 1 },
      ]);
      expect(await lostInLedger()).to.equal(1);
      await acknowledge();
      const found = await verify();
      // What was before the ledger is not known any more.
      if (loss === 'the last events') expect(found).to.include({ intact: true });
    });
  }

  it('are not forgotten by a restart, nor acknowledged by it', async () => {
    const last = await lastSequence();
    await create();
    await fail('the last events', last);
    await until(async () => (await readiness()).body.includes('lost') && errors().length > 0);
    const { database, environment } = coffer;
    await coffer.stop();
    coffer = await startCoffer({ database, environment });
    expect(await lostEvents()).to.equal('1');
    expect(await verify()).to.include({ intact: false });
    await acknowledge();
    expect(await verify()).to.include({ intact: true });
  });

  it('do not excuse what is missing beside them', async () => {
    await reveal();
    const last = await lastSequence();
    await create();
    await fail('the last events', last);
    await until(async () => (await readiness()).body.includes('lost') && errors().length > 0);
    await acknowledge();
    await superuser.query('delete from audit_event where seq = $1', [last]);
    expect(await verify()).to.have.nested.property('faults[0].kind', 'TAIL_CUT');
  });

  it('are nothing to acknowledge where none are lost', async () => {
    const { exitCode, output } = await runCoffer(['audit-acknowledge-loss'], coffer.environment);
    expect([exitCode, output.startsWith('0 lost events are acknowledged')], output).to.deep.equal([0, true]);
    expect((await verify())['acknowledged_losses']).to.deep.equal([]);
  });

  const lostInLedger = async () => (await superuser.query(`select 1 from audit_ledger where kind = 'loss'`)).rowCount;

  async function acknowledge(): Promise<void> {
    const { exitCode, output } = await runCoffer(['audit-acknowledge-loss'], coffer.environment);
    expect(exitCode, output).to.equal(0);
  }
});
